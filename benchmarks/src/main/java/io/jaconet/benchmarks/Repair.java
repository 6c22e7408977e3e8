package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import io.jaconet.Drift;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkStats.Counter;
import io.jaconet.OverlayNetwork;
import io.jaconet.overlay.CloseMode;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.spi.LeaseStore;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.subnet.etcd.EtcdLeaseStore;
import io.jaconet.testkit.EtcdServer;
import java.io.Closeable;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.ServiceLoader;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * How soon what others change in the kernel is as it was, what that takes, and what it costs to look. The damage is done by iproute2, and
 * the time runs from the start of its command to the news of the repair; where the kernel itself needs long for the damage, to the link
 * with all that hangs on it, from the command's end.
 */
final class Repair implements Benchmark {
  private static final ImmutableList<Integer> SIZES = ImmutableList.of(8, 5_000);
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final Duration REST = Duration.ofMillis(300);
  private static final Duration OFTEN = Duration.ofSeconds(1);
  private static final Duration AUDIT_INTERVAL = Duration.ofSeconds(10);
  private static final Duration FIGHT = Duration.ofSeconds(20);
  private static final int FIGHT_REPAIRS = 10;
  private static final String LOOP = "-loop";
  private static final String WATCH = "-watch";
  private static final int WARM_UP_ROUNDS = 2;
  private static final int AUDITS = 20;
  private static final double P99_BAR_MILLIS = 1_000;
  private static final double WRITES_BAR = 3;
  private static final double AUDIT_BAR_MILLIS = 50;
  private static final double LONGEST_BAR_MILLIS = 10_000;
  private static final double CORE_BAR_PERCENT = 2;

  /** A damage: how many objects it breaks, 0 for the link with all that hangs on it, and the command of ip or bridge. */
  private record Damage(int objects, String command) {
    String command(int peer) {
      return command
          .replace("DEV", Host.VXLAN_DEVICE)
          .replace("SUBNET", SyntheticPeers.subnet(peer).toString())
          .replace("GATEWAY", SyntheticPeers.subnet(peer).base().toString())
          .replace("OWN", SyntheticPeers.OWN.base() + "/32")
          .replace("MAC", SyntheticPeers.mac(peer, 0).toString());
    }

    @Override
    public String toString() {
      return command.replace("DEV", Host.VXLAN_DEVICE).toLowerCase(Locale.ROOT);
    }
  }

  private static final ImmutableList<Damage> DAMAGES = ImmutableList.of(
      new Damage(1, "ip route del SUBNET"),
      new Damage(1, "ip route replace SUBNET via 192.0.2.254 dev eth0"),
      new Damage(1, "ip route add SUBNET via GATEWAY dev DEV onlink proto 74 metric 50"),
      new Damage(1, "ip neigh del GATEWAY dev DEV"),
      new Damage(1, "ip neigh replace GATEWAY lladdr 02:99:00:00:00:01 dev DEV nud permanent"),
      new Damage(1, "bridge fdb del MAC dev DEV"),
      new Damage(1, "bridge fdb replace MAC dev DEV dst 192.0.2.254 self permanent"),
      new Damage(1, "ip link set DEV mtu 1300"),
      new Damage(1, "ip link set DEV name other0"),
      new Damage(1, "ip addr add 10.255.255.200/32 dev DEV"),
      new Damage(0, "ip addr del OWN dev DEV"),
      new Damage(0, "ip link set DEV address 02:11:22:33:44:55"),
      new Damage(0, "ip link set DEV down"),
      new Damage(0, "ip link del DEV"));

  @Override
  public String name() {
    return "repair";
  }

  @Override
  public String purpose() {
    return "damage by others: from the command to its repair, the writes, the cost of an audit; then nothing happens";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    var sizes = options.peers().equals(Options.PEERS) ? SIZES : options.peers();
    for (int peers : sizes) {
      try (var store = new InMemoryLeaseStore()) {
        measure(peers + " peers", peers, store, options, hosts, report);
      }
    }
    try (var etcd = EtcdServer.start()) {
      for (int peers : sizes) {
        try (var store = EtcdLeaseStore.builder()
            .endpoints(List.of(etcd.endpoint()))
            .prefix("/bench/repair/" + peers)
            .build()) {
          measure(peers + " peers, etcd", peers, store, options, hosts, report);
        }
      }
    }
  }

  private static void measure(
      String mode, int peers, LeaseStore store, Options options, Hosts hosts, Report report)
      throws Exception {
    var host = hosts.create();
    try (var leases = StoreSubnetManager.over(store)) {
      EtcdLeases.fill(store, peers);
      try (var trial = new Trial(host, leases, vxlan(), Duration.ofHours(1))) {
        trial.damageAll(mode, peers, options, report);
      }
      if (store instanceof InMemoryLeaseStore) {
        measureAudits(mode, host, leases, options, report);
      }
    }
    hosts.remove(host);
  }

  private static void measureAudits(
      String mode, Host host, StoreSubnetManager leases, Options options, Report report)
      throws Exception {
    try (var trial = new Trial(host, leases, vxlan(), OFTEN)) {
      trial.audits(mode, report);
    }
    try (var trial = new Trial(host, leases, vxlan(), AUDIT_INTERVAL)) {
      trial.fight(mode, report);
    }
    try (var trial = new Trial(host, leases, new DeafProvider(), AUDIT_INTERVAL)) {
      trial.idle(mode, options, report);
      var millis = Samples.of(trial.damage(DAMAGES.get(0), 0));
      report.add(mode, "notifications suppressed", "ms", millis);
      report.addBar(
          mode + ", longest with notifications suppressed",
          millis.max(),
          LONGEST_BAR_MILLIS + P99_BAR_MILLIS,
          "ms");
    }
  }

  private static BackendProvider vxlan() {
    return ServiceLoader.load(BackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.type().equals("vxlan"))
        .findFirst()
        .orElseThrow();
  }

  /** Makes backends that hear nothing of what others do, so that only audits find it. */
  private static final class DeafProvider implements BackendProvider {
    private final BackendProvider hearing = vxlan();

    @Override
    public String type() {
      return hearing.type();
    }

    @Override
    public Backend create(Context context) {
      var backend = hearing.create(context);
      Closeable nothing = () -> {};
      return (Backend) Proxy.newProxyInstance(
          Repair.class.getClassLoader(), new Class<?>[] {Backend.class}, (self, method, args) -> {
            try {
              return method.getName().equals("watch") ? nothing : method.invoke(backend, args);
            } catch (InvocationTargetException e) {
              throw e.getCause();
            }
          });
    }
  }

  /** A network, and what it tells of its repairs. */
  private static final class Trial implements AutoCloseable {
    private final Host host;
    private final OverlayNetwork network;
    private final BlockingQueue<Drift> drifts = new LinkedBlockingQueue<>();

    Trial(Host host, StoreSubnetManager leases, BackendProvider backend, Duration auditInterval)
        throws Exception {
      this.host = host;
      this.network = Host.joining(host.name(), leases)
          .backendProvider(backend)
          .auditInterval(auditInterval)
          .listener(new NetworkListener() {
            @Override
            public void onDrift(Drift drift) {
              drifts.add(drift);
            }
          })
          .join()
          .get(2, TimeUnit.MINUTES);
      LockSupport.parkNanos(OFTEN.toNanos());
    }

    void damageAll(String mode, int peers, Options options, Report report) throws Exception {
      int rounds = options.rounds().orElse(Options.ROUNDS);
      var all = new Samples();
      for (Damage damage : DAMAGES) {
        var millis = new Samples();
        double writes = 0;
        for (int round = -WARM_UP_ROUNDS; round < rounds; round++) {
          long before = stat(Counter.KERNEL_WRITES);
          double took = damage(damage, (round + WARM_UP_ROUNDS) % peers);
          if (round >= 0) {
            millis.add(took);
            writes = Math.max(writes, (double) (stat(Counter.KERNEL_WRITES) - before));
          }
        }
        all.addAll(millis);
        report.add(mode, damage.toString(), "ms", millis);
        report.add(mode, damage + ", writes", "entries", writes);
        if (damage.objects > 0) {
          report.addBar(mode + ", writes after " + damage, writes, WRITES_BAR, "entries");
        }
      }
      report.add(
          mode, "all " + all.count() + " repairs, 99th percentile", "ms", all.quantile(0.99));
      report.addBar(
          mode + ", 99th percentile of all repairs", all.quantile(0.99), P99_BAR_MILLIS, "ms");
    }

    /** Returns how many milliseconds pass from the start of the command to the end of the last write that mends. */
    double damage(Damage damage, int peer) throws IOException, InterruptedException {
      LockSupport.parkNanos(REST.toNanos());
      drifts.clear();
      long before = System.nanoTime();
      run(damage.command(peer));
      var drift = drifts.poll(LIMIT.toNanos(), TimeUnit.NANOSECONDS);
      if (drift == null) {
        throw new IOException("'" + damage.command(peer) + "' was not mended");
      }
      return (System.nanoTime() - before) / 1e6;
    }

    private void run(String command) throws IOException {
      Commands.output(ImmutableList.<String>builder()
          .add("ip", "netns", "exec", host.name())
          .add(command.split(" ", -1))
          .build()
          .toArray(String[]::new));
    }

    void idle(String mode, Options options, Report report) {
      var process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
      long writes = stat(Counter.KERNEL_WRITES);
      long cpu = process.getProcessCpuTime();
      LockSupport.parkNanos(options.idle().toNanos());
      var name = mode + ", idle for " + options.idle().toSeconds() + " s";
      report.add(name, "CPU", "ms", (process.getProcessCpuTime() - cpu) / 1e6);
      report.addBar(
          name + ", kernel writes", (double) (stat(Counter.KERNEL_WRITES) - writes), 0, "entries");
    }

    /** Measures the thread that audits, not what the JVM compiles meanwhile. */
    void audits(String mode, Report report) {
      await(Counter.AUDITS, stat(Counter.AUDITS) + AUDITS / 2);
      var millis = new Samples();
      for (int n = 0; n < AUDITS / 2; n++) {
        long cpu = cpuNanos(LOOP);
        await(Counter.AUDITS, stat(Counter.AUDITS) + 1);
        millis.add((cpuNanos(LOOP) - cpu) / 1e6);
      }
      report.add(mode, "audit, CPU of the loop", "ms", millis);
      report.addBar(mode + ", audit, CPU", millis.median(), AUDIT_BAR_MILLIS, "ms");
    }

    /** Returns what the network's threads have used whose names end like that. */
    private static long cpuNanos(String... endings) {
      var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long nanos = 0;
      for (long id : threads.getAllThreadIds()) {
        var info = threads.getThreadInfo(id);
        if (info != null && Stream.of(endings).anyMatch(info.getThreadName()::endsWith)) {
          nanos += threads.getThreadCpuTime(id);
        }
      }
      return nanos;
    }

    /** Has another controller take a route's place again and again, also after the network has given in. */
    void fight(String mode, Report report) throws IOException, InterruptedException {
      long mended = stat(Counter.DRIFT_REPAIRED);
      var damage = DAMAGES.get(1);
      for (int n = 0; n < FIGHT_REPAIRS; n++) {
        damage(damage, 1);
      }
      long cpu = cpuNanos(LOOP, WATCH);
      long end = System.nanoTime() + FIGHT.toNanos();
      while (System.nanoTime() < end) {
        run(damage.command(1));
        LockSupport.parkNanos(REST.toNanos());
      }
      double percent = 100.0 * (cpuNanos(LOOP, WATCH) - cpu) / FIGHT.toNanos();
      report.addBar(
          mode + ", fight, repairs of one object in a minute",
          (double) (stat(Counter.DRIFT_REPAIRED) - mended),
          FIGHT_REPAIRS,
          "");
      report.addBar(
          mode + ", fight, CPU of loop and watch", percent, CORE_BAR_PERCENT, "% of a core");
    }

    private void await(Counter counter, long value) {
      while (stat(counter) < value) {
        LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
      }
    }

    private long stat(Counter counter) {
      return network.stats().get(counter);
    }

    @Override
    public void close() throws IOException {
      network.close(CloseMode.KEEP);
    }
  }
}
