package io.jaconet.flanneld;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.Jaconet;
import io.jaconet.OverlayNetwork;
import io.jaconet.iptables.Driver;
import io.jaconet.iptables.HostPacketFilter;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.SubnetEnv;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.LeaseStore;
import io.jaconet.subnet.FileLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.KernelState;
import io.jaconet.testkit.Pings;
import io.jaconet.testkit.Workload;
import io.jaconet.testkit.crash.CrashScenario;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Two hosts, of which the first is killed; the second has what traffic to it needs, and no process. */
final class CrashWorld implements CrashScenario.World {
  static final String DONE = "all is done";

  /** How long it may take until all is well. The promise is 5 s; what it took is told, but a busy machine fails no test. */
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private static final Duration POLL = Duration.ofMillis(20);
  private static final Pattern OURS = Pattern.compile("flannel|proto 74");

  /** What the kernel learns and forgets by itself. */
  private static final Pattern PASSING =
      Pattern.compile("REACHABLE|STALE|DELAY|PROBE|FAILED|INCOMPLETE| master |^cache ");

  private final CrashHost scenario;
  private final Situation situation;
  private final Path directory;
  private final Fabric fabric;
  private final KernelState foreign;
  private @Nullable Pings pings;
  private @Nullable Process restarted;
  private @Nullable String keyAtCrash;

  CrashWorld(CrashHost scenario, Path directory) throws Exception {
    this.scenario = scenario;
    this.situation = scenario.situation();
    this.directory = directory;
    this.fabric = Fabric.builder()
        .prefix("crash" + ProcessHandle.current().pid() + "-")
        .hosts(situation.start == Situation.Start.COMPLETE ? 2 : 1)
        .create();
    try {
      prepare();
      foreign = kernel().only(line -> !OURS.matcher(line).find());
    } catch (Exception | AssertionError e) {
      fabric.close();
      throw e;
    }
  }

  private Host host() {
    return fabric.host(1);
  }

  private Path leases() {
    return directory.resolve("leases");
  }

  private Path subnetFile() {
    return directory.resolve("run/subnet.env");
  }

  private void prepare() throws Exception {
    Files.writeString(directory.resolve("net-conf.json"), situation.network.json);
    try (var store = FileLeaseStore.open(leases())) {
      for (int n = 1; n <= situation.peers(); n++) {
        Peers.add(store, situation.network, n);
      }
      if (situation.start == Situation.Start.COMPLETE) {
        joinBoth(store);
      }
    }
  }

  private void joinBoth(LeaseStore store) throws Exception {
    try (var manager = StoreSubnetManager.over(store);
        var filter = HostPacketFilter.builder()
            .namespace(host().namespace())
            .driver(Driver.NFTABLES)
            .build()) {
      var builder = joining(1, manager);
      if (situation.driver() == Driver.NFTABLES) {
        builder.iptablesManager(filter).masquerade(true);
      }
      // First the one that asks for a certain subnet, which the other could have by chance.
      try (var second = joining(2, manager)
              .previousSubnets(Peers.subnets(situation.network, 0))
              .join()
              .get(30, TimeUnit.SECONDS);
          var first = builder.join().get(30, TimeUnit.SECONDS)) {
        var here = attach(1, first);
        var there = attach(2, second);
        pings = Pings.start(here, there.address(IpFamily.V4), Duration.ofMillis(10));
      }
    }
  }

  private Jaconet.Builder joining(int number, StoreSubnetManager manager) {
    return Jaconet.builder()
        .nodeId("node-" + number)
        .config(situation.network.config())
        .underlay(UnderlaySelection.ofInterface(Host.UNDERLAY_INTERFACE))
        .namespace(Path.of("/run/netns", fabric.host(number).name()))
        .subnetManager(manager);
  }

  private Workload attach(int number, OverlayNetwork network) throws IOException {
    return fabric
        .host(number)
        .attachWorkload(
            network.overlayMtu(), network.lease().subnets().prefixes().toArray(IpPrefix[]::new));
  }

  @Override
  public Process start() throws IOException {
    return host().namespace().start(program(false));
  }

  /** Has the process run to its end, so that others start faster. */
  void archive() throws IOException {
    var process = host()
        .namespace()
        .start(scenario
            .programs()
            .archiving(HostProcess.class, situation.name(), directory, false)
            .redirectInput(new File("/dev/null")));
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(output.contains(DONE), output);
  }

  private ProcessBuilder program(boolean again) {
    if (situation.act != Situation.Act.DAEMON) {
      return scenario.programs().program(HostProcess.class, situation.name(), directory, again);
    }
    return scenario
        .programs()
        .program(
            DaemonVictim.class,
            "--store=file:" + leases(),
            "--net-config-path=" + directory.resolve("net-conf.json"),
            "--subnet-file=" + subnetFile(),
            "--iptables-forward-rules=false");
  }

  @Override
  public boolean isDone(String line) {
    return situation.act == Situation.Act.DAEMON && line.contains("joined with");
  }

  /** Breaks {@link HostProcess#DAMAGES} things of peers that nobody sends to. */
  @Override
  public void disturb() throws IOException {
    if (situation.act == Situation.Act.REPAIR) {
      var outcome = host()
          .run(
              "sh",
              "-ec",
              "ip route del 10.244.101.0/24; ip route change 10.244.102.0/24 via 192.0.2.2 dev eth0 proto 74;"
                  + " ip neigh del 10.244.103.0 dev flannel.1; bridge fdb del 02:20:00:00:00:04 dev flannel.1");
      assertTrue(outcome.ok(), outcome.output());
    }
  }

  @Override
  public void inspect() throws Exception {
    keyAtCrash = ownKey().orElse(null);
    if (Files.exists(subnetFile())) {
      var env = SubnetEnv.read(subnetFile());
      assertEquals(keyAtCrash, key(env), "the subnet of a file that was being written");
    }
  }

  private static @Nullable String key(SubnetEnv env) {
    var previous = env.previous();
    return previous == null ? null : previous.key();
  }

  /** Returns the key of the own record, read from a copy: nothing here may mend what the crash left. */
  private Optional<String> ownKey() throws IOException {
    var copy = Files.createTempDirectory(directory, "copy");
    if (Files.exists(leases().resolve("leases"))) {
      Files.copy(leases().resolve("leases"), copy.resolve("leases"));
    }
    try (var store = FileLeaseStore.open(copy)) {
      var own = store.list().entries().stream()
          .filter(entry -> situation.act == Situation.Act.DAEMON
              ? !String.valueOf(entry.holder()).startsWith("peer-")
              : HostProcess.NODE.equals(entry.holder()))
          .map(LeaseStore.Entry::key)
          .collect(ImmutableList.toImmutableList());
      assertTrue(own.size() <= 1, () -> "several own records: " + own);
      return own.stream().findFirst();
    }
  }

  @Override
  public void recover() throws Exception {
    var process = host().namespace().start(program(true).redirectInput(new File("/dev/null")));
    restarted = process;
    awaitLine(process);
    long end = System.nanoTime() + LIMIT.toNanos();
    var trouble = trouble();
    while (!trouble.isEmpty()) {
      if (System.nanoTime() > end) {
        throw new AssertionError(trouble);
      }
      LockSupport.parkNanos(POLL.toNanos());
      trouble = trouble();
    }
  }

  private void awaitLine(Process process) throws IOException {
    BufferedReader reader = process.inputReader(StandardCharsets.UTF_8);
    var output = new StringBuilder();
    for (var line = reader.readLine(); line != null; line = reader.readLine()) {
      output.append(line).append('\n');
      if (line.equals(DONE) || isDone(line)) {
        return;
      }
    }
    throw new AssertionError("the process that was started again has ended:\n" + output);
  }

  /** Returns what is not as it should be. */
  private String trouble() throws Exception {
    var own = ownKey();
    boolean released = situation.act == Situation.Act.CLOSE_PURGE;
    if (own.isPresent() == released) {
      return "the own record: " + own;
    }
    if (keyAtCrash != null && !released && !own.equals(Optional.of(keyAtCrash))) {
      return "the subnet was " + keyAtCrash + " and is " + own;
    }
    if (situation.act == Situation.Act.DAEMON
        && (!Files.exists(subnetFile())
            || !own.equals(Optional.ofNullable(key(SubnetEnv.read(subnetFile())))))) {
      return subnetFile() + " does not tell of " + own;
    }
    var kernel = kernel();
    var others = kernel.only(line -> !OURS.matcher(line).find());
    if (!others.equals(foreign)) {
      return "what is not ours is " + foreign.difference(others);
    }
    return scenario.trouble(ours(kernel, own.map(Subnets::parseKey)));
  }

  private KernelState kernel() throws IOException {
    return KernelState.of(host().namespace())
        .only(line -> !PASSING.matcher(line).find());
  }

  /** Returns all of ours in the kernel, rules included, with words in place of the own subnet. */
  private KernelState ours(KernelState kernel, Optional<Subnets> own) throws IOException {
    var lines = ImmutableList.<String>builder();
    kernel.lines().stream().filter(line -> OURS.matcher(line).find()).forEach(lines::add);
    // One line, since the order of rules counts.
    lines.add(host().run("nft", "-s", "list", "ruleset").output());
    return new KernelState(lines.build().stream()
        .map(line -> own.map(subnets -> anonymous(line, subnets)).orElse(line))
        .sorted()
        .collect(ImmutableList.toImmutableList()));
  }

  private static String anonymous(String line, Subnets own) {
    var text = line;
    for (var prefix : own.prefixes()) {
      text = text.replaceAll(
          "(?<![0-9a-f:.])" + Pattern.quote(prefix.base().toString()) + "(?![0-9a-f.])",
          "own-" + prefix.family());
    }
    return text;
  }

  @Override
  public void close() throws IOException {
    try {
      if (restarted != null) {
        restarted.destroyForcibly().onExit().join();
      }
      if (pings != null && situation.forwardsThroughout()) {
        assertEquals(0, pings.end().lost(), "pings lost between workloads");
      }
    } finally {
      if (pings != null) {
        pings.close();
      }
      fabric.close();
    }
  }
}
