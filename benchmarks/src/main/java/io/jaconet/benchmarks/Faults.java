package io.jaconet.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.MINUTES;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.util.concurrent.Uninterruptibles;
import com.sun.management.OperatingSystemMXBean;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.NetworkState.Phase;
import io.jaconet.OverlayNetwork;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** What a trouble that does not end costs a large network, on a real kernel: time of a processor, lines of log, and how soon it can be closed. */
final class Faults implements Benchmark {
  private static final int PEERS = 5_000;
  private static final Duration LIMIT = Duration.ofSeconds(30);

  /** By then what is mended only so often was mended so often. */
  private static final Duration ONSET = Duration.ofSeconds(15);

  private static final Duration AGAIN = Duration.ofSeconds(1);
  private static final int BAD_RECORDS = 1_000;
  private static final double CPU_BAR_PERCENT = 2;
  private static final double LINES_BAR = 10;
  private static final double CLOSE_BAR_SECONDS = 5;

  private static final Duration REST = Duration.ofMillis(20);
  private static final Duration LIFE = Duration.ofHours(24);

  /**
   * A trouble.
   *
   * @param before what is done before the network joins
   * @param begin what begins it
   * @param again what is done every second from then on
   * @param phase what the network says then
   */
  private record Fault(String name, Step before, Step begin, Step again, Phase phase) {}

  private interface Step {
    void run(Trial trial) throws IOException;
  }

  private static Step ip(String command) {
    return trial -> trial.ip(command);
  }

  private static final Step NONE = trial -> {};

  private static final ImmutableList<Fault> FAULTS = ImmutableList.of(
      new Fault("nothing is wrong", NONE, NONE, NONE, Phase.UP),
      new Fault(
          "the underlay has no address", NONE, ip("addr flush dev eth0"), NONE, Phase.DEGRADED),
      new Fault("the underlay is gone", NONE, ip("link del eth0"), NONE, Phase.DEGRADED),
      new Fault(
          "another's route in the place of each peer's",
          Trial::takeRoutes,
          NONE,
          NONE,
          Phase.DEGRADED),
      new Fault(
          "others delete the device again and again",
          NONE,
          NONE,
          Trial::deleteDevice,
          Phase.DEGRADED),
      new Fault(
          "others delete the routes again and again",
          NONE,
          NONE,
          Trial::deleteRoutes,
          Phase.DEGRADED),
      new Fault(
          BAD_RECORDS + " bad records, each second another",
          Trial::addBadRecords,
          NONE,
          Trial::changeBadRecord,
          Phase.UP),
      new Fault("the listener never returns", Trial::hangListener, NONE, NONE, Phase.UP));

  @Override
  public String name() {
    return "faults";
  }

  @Override
  public String purpose() {
    return "what a trouble that does not end costs: CPU, lines of log, the close";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    int peers = options.peers().equals(Options.PEERS) ? PEERS : options.peers().get(0);
    // What the JVM compiles at first is no fault's.
    measure(FAULTS.get(0), peers, options, hosts, new Report(name()));
    for (var fault : FAULTS) {
      measure(fault, peers, options, hosts, report);
    }
  }

  private static void measure(Fault fault, int peers, Options options, Hosts hosts, Report report)
      throws Exception {
    var host = hosts.create();
    try (var trial = new Trial(host, peers)) {
      measure(fault, trial, options, report);
    }
    hosts.remove(host);
  }

  private static void measure(Fault fault, Trial trial, Options options, Report report)
      throws Exception {
    fault.before.run(trial);
    trial.join();
    fault.begin.run(trial);
    trial.repeat(fault.again, ONSET);
    trial.await(fault.phase);
    long cpu = cpuNanos();
    long start = System.nanoTime();
    int lines = trial.linesLogged();
    trial.repeat(fault.again, options.idle());
    lines = trial.linesLogged() - lines;
    long nanos = System.nanoTime() - start;
    double percent = 100.0 * (cpuNanos() - cpu) / nanos;
    trial.await(fault.phase);
    double seconds = trial.closeNetwork().toNanos() / 1e9;

    double linesPerMinute = lines / Math.max(1, nanos / 60e9);
    report.add(fault.name, "CPU of a core", "%", percent);
    report.add(fault.name, "lines logged in a minute", "lines", linesPerMinute);
    report.add(fault.name, "close", "s", seconds);
    report.addBar(fault.name + ", CPU of a core", percent, CPU_BAR_PERCENT, "%");
    report.addBar(fault.name + ", lines logged in a minute", linesPerMinute, LINES_BAR, "lines");
    report.addBar(fault.name + ", close", seconds, CLOSE_BAR_SECONDS, "s");
  }

  /** Returns what this process has used, except for the thread that makes the trouble. */
  private static long cpuNanos() {
    var process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    return process.getProcessCpuTime()
        - ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private static final class Trial implements AutoCloseable {
    private final Host host;
    private final int peers;
    private final InMemoryLeaseStore store = new InMemoryLeaseStore();
    private final StoreSubnetManager leases = StoreSubnetManager.over(store);
    private final List<LeaseStore.Entry> badRecords = new ArrayList<>();
    private final CountDownLatch end = new CountDownLatch(1);
    private final AtomicInteger linesLogged = new AtomicInteger();
    private final PrintStream terminal = System.err;
    private NetworkListener listener = new NetworkListener() {};
    private int changes;
    private @Nullable OverlayNetwork network;

    Trial(Host host, int peers) throws Exception {
      this.host = host;
      this.peers = peers;
      EtcdLeases.fill(store, peers);
      // Stack traces count too.
      var counter = new OutputStream() {
        @Override
        public void write(int b) {
          if (b == '\n') {
            linesLogged.incrementAndGet();
          }
        }
      };
      System.setErr(new PrintStream(counter, true, UTF_8));
    }

    void ip(String command) throws IOException {
      Commands.output(ImmutableList.<String>builder()
          .add("ip", "-n", host.name())
          .addAll(Splitter.on(' ').split(command))
          .build());
    }

    void deleteDevice() throws IOException {
      if (Commands.output("ip", "-n", host.name(), "-o", "link").contains(Host.VXLAN_DEVICE)) {
        ip("link del " + Host.VXLAN_DEVICE);
      }
    }

    void takeRoutes() throws IOException {
      ofEachPeer(subnet -> "route add " + subnet + " via 192.0.2.254");
    }

    void deleteRoutes() throws IOException {
      ofEachPeer(subnet -> "route del " + subnet);
    }

    private void ofEachPeer(Function<IpPrefix, String> command) throws IOException {
      var batch = Files.createTempFile("jaconet-faults", "");
      try {
        Files.write(
            batch,
            IntStream.range(0, peers)
                .mapToObj(peer -> command.apply(SyntheticPeers.subnet(peer)))
                .toList());
        // What is gone already cannot be deleted.
        var unused = new ProcessBuilder(
                "ip", "-n", host.name(), "-force", "-batch", batch.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .onExit()
            .join();
      } finally {
        Files.delete(batch);
      }
    }

    void addBadRecords() throws IOException {
      for (int n = 0; n < BAD_RECORDS; n++) {
        var subnets = Subnets.of(SyntheticPeers.subnet(peers + n));
        badRecords.add(store.create(subnets, "bad", "bad-" + n, LIFE));
      }
    }

    void changeBadRecord() throws IOException {
      int n = changes++ % badRecords.size();
      badRecords.set(n, store.update(badRecords.get(n), "bad " + changes, "bad-" + n, LIFE));
    }

    void hangListener() {
      listener = new NetworkListener() {
        @Override
        public void onState(NetworkState state) {
          Uninterruptibles.awaitUninterruptibly(end);
        }
      };
    }

    void join() throws Exception {
      network = Host.joining(host.name(), leases).listener(listener).join().get(2, MINUTES);
    }

    private OverlayNetwork network() {
      return requireNonNull(network, "not joined");
    }

    void repeat(Step step, Duration duration) throws IOException {
      long last = System.nanoTime() + duration.toNanos();
      while (System.nanoTime() < last) {
        step.run(this);
        Uninterruptibles.sleepUninterruptibly(AGAIN);
      }
    }

    /** Waits until the network says {@code phase}. */
    void await(Phase phase) throws IOException {
      long last = System.nanoTime() + LIMIT.toNanos();
      while (network().state().phase() != phase) {
        if (System.nanoTime() > last) {
          throw new IOException("not " + phase + " but " + network().state());
        }
        Uninterruptibles.sleepUninterruptibly(REST);
      }
    }

    /** Returns how many lines were logged since this began. */
    int linesLogged() {
      return linesLogged.get();
    }

    /** Closes the network, and returns how long that took. */
    Duration closeNetwork() throws IOException {
      long start = System.nanoTime();
      network().close(CloseMode.KEEP);
      return Duration.ofNanos(System.nanoTime() - start);
    }

    @Override
    public void close() throws IOException {
      System.setErr(terminal);
      end.countDown();
      if (network != null) {
        network.close(CloseMode.KEEP);
      }
      leases.close();
      store.close();
    }
  }
}
