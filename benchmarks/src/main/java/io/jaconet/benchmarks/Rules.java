package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.iptables.Driver;
import io.jaconet.iptables.HostPacketFilter;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.FakeBackend;
import io.jaconet.testkit.RuleWar;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The rules in the packet filter: what they cost, how soon they are mended, and what a restart lets slip through. */
final class Rules implements Benchmark {
  private static final Duration WAR_LIMIT = Duration.ofSeconds(2);
  private static final double FIRST_PROGRAMMING_BAR_MILLIS = 60;
  private static final double WAR_BAR_MILLIS = 2_000;
  private static final double TOLD_WAR_BAR_MILLIS = 200;
  private static final int QUIET_CHECKS = 20;
  private static final int RACING_FLOWS = 20_000;

  /** Those of a program that shall start quickly. */
  private static final ImmutableList<String> START_OPTIONS =
      ImmutableList.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");

  private static final NetworkConfig CONFIG = NetworkConfig.parse(
      "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\",\"IPv6Network\":\"fd00:244::/48\",\"IPv6SubnetLen\":64,"
          + "\"Backend\":{\"Type\":\"" + FakeBackend.TYPE + "\"}}");
  private static final Subnets OWN =
      Subnets.of(IpPrefix.parse("10.244.1.0/24"), IpPrefix.parse("fd00:244:0:1::/64"));
  private static final TrafficRules RULES =
      new TrafficRules(CONFIG.networks(), OWN, true, true, false);

  @Override
  public String name() {
    return "rules";
  }

  @Override
  public String purpose() {
    return "rules of the packet filter: programming, checks, a war over them, restarts and kills under load";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    int rounds = options.rounds().orElse(Options.ROUNDS);
    for (var driver : Driver.values()) {
      measureProgramming(rounds, driver, report);
      measureFirstProgramming(rounds, driver, report);
      measureChecks(driver, report);
      measureWar(options.idle(), driver, report);
      measureRestarts(10 * rounds, driver, report);
      measurePortRace(rounds, driver, report);
    }
  }

  static HostPacketFilter filter(NetworkNamespace namespace, Driver driver) throws IOException {
    return HostPacketFilter.builder()
        .namespace(namespace)
        .driver(driver)
        .resync(Duration.ofSeconds(1))
        .build();
  }

  private static void measureProgramming(int rounds, Driver driver, Report report)
      throws IOException {
    var millis = new Samples();
    var programs = new Samples();
    for (int round = 0; round < rounds; round++) {
      try (var namespace = NetworkNamespace.createAnonymous();
          var filter = filter(namespace, driver)) {
        millis.add(programmingMillis(filter));
        programs.add((double) filter.processes());
      }
    }
    report.add(driver.toString(), "first programming, both families", "ms", millis);
    report.add(driver.toString(), "first programming", "programs", programs);
    report.addBar(
        driver + ", first programming", millis.median(), FIRST_PROGRAMMING_BAR_MILLIS, "ms");
    report.addBar(driver + ", first programming", programs.max(), 3, "programs");
  }

  private static void measureFirstProgramming(int rounds, Driver driver, Report report)
      throws IOException {
    Path archive = Files.createTempFile("jbench", ".jsa");
    try {
      firstProgramming(driver, "-XX:ArchiveClassesAtExit=" + archive, "-Xlog:cds=off");
      var plain = new Samples();
      var sharing = new Samples();
      for (int round = 0; round < rounds; round++) {
        plain.add(firstProgramming(driver));
        sharing.add(firstProgramming(driver, "-XX:SharedArchiveFile=" + archive));
      }
      var what = "first programming, the first thing in a JVM";
      report.add(driver.toString(), what, "ms", plain);
      report.add(driver.toString(), what + ", class-data sharing", "ms", sharing);
      report.addBar(
          driver + ", " + what + ", class-data sharing",
          sharing.median(),
          FIRST_PROGRAMMING_BAR_MILLIS,
          "ms");
    } finally {
      Files.deleteIfExists(archive);
    }
  }

  private static double firstProgramming(Driver driver, String... moreOptions) throws IOException {
    var options =
        ImmutableList.<String>builder().addAll(START_OPTIONS).add(moreOptions).build();
    return ChildJvm.figure(
        ChildJvm.figures(FirstRules.class, options, driver.name()), FirstRules.MILLIS);
  }

  /** Returns how long {@code filter} takes to set the rules. */
  static double programmingMillis(HostPacketFilter filter) throws IOException {
    long start = System.nanoTime();
    filter.apply(RULES);
    return (System.nanoTime() - start) / 1e6;
  }

  private static void measureChecks(Driver driver, Report report) throws IOException {
    try (var namespace = NetworkNamespace.createAnonymous();
        var filter = filter(namespace, driver)) {
      filter.apply(RULES);
      filter.check();
      long programs = filter.processes();
      var millis = new Samples();
      for (int i = 0; i < QUIET_CHECKS; i++) {
        long start = System.nanoTime();
        filter.check();
        millis.add((System.nanoTime() - start) / 1e6);
      }
      double each = (double) (filter.processes() - programs) / QUIET_CHECKS;
      report.add(driver.toString(), "quiet check, both families", "ms", millis);
      report.add(driver.toString(), "quiet check, both families", "programs", each);
      report.addBar(
          driver + ", quiet check of both families",
          each,
          driver == Driver.IPTABLES_LEGACY ? 2 : 0,
          "programs");
    }
  }

  private static void measureWar(Duration duration, Driver driver, Report report) throws Exception {
    long seed = new Random().nextLong();
    var millis = new Samples();
    int lost = 0;
    try (var namespace = NetworkNamespace.createAnonymous();
        var filter = filter(namespace, driver);
        var leases = StoreSubnetManager.over(new InMemoryLeaseStore())) {
      var up = new CompletableFuture<Boolean>();
      var network = Jaconet.builder()
          .nodeId("node")
          .config(CONFIG)
          .backendProvider(new FakeBackend(IpAddress.parse("192.0.2.1")).provider())
          .subnetManager(leases)
          .previousSubnets(OWN)
          .iptablesManager(filter)
          .masquerade(true)
          .listener(new NetworkListener() {
            @Override
            public void onState(NetworkState state) {
              if (state.phase() == NetworkState.Phase.UP) {
                up.complete(true);
              }
            }
          })
          .join()
          .get(1, TimeUnit.MINUTES);
      up.get(1, TimeUnit.MINUTES);
      var war = new RuleWar(namespace, RuleWar.Arms.valueOf(driver.name()), new Random(seed));
      var whole = war.ours();
      long end = System.nanoTime() + duration.toNanos();
      while (System.nanoTime() < end) {
        var act = war.act();
        double took = awaitWhole(war, whole);
        millis.add(took);
        if (took > WAR_BAR_MILLIS) {
          lost++;
          System.out.println("not mended in time: " + act + ", seed " + seed);
        }
      }
      network.close(CloseMode.WITHDRAW);
    }
    var mode = driver + ", war of " + duration.toSeconds() + " s";
    report.add(mode, "whole again after each of " + millis.count() + " acts", "ms", millis);
    report.add(mode, "99th percentile", "ms", millis.quantile(0.99));
    report.addBar(driver + ", acts that were not mended in 2 s", lost, 0, "acts");
    if (driver != Driver.IPTABLES_LEGACY) {
      report.addBar(
          driver + ", 99th percentile of the war",
          millis.quantile(0.99),
          TOLD_WAR_BAR_MILLIS,
          "ms");
    }
  }

  /** Returns how long it took, including up to two looks at the rules. */
  private static double awaitWhole(RuleWar war, String whole) throws IOException {
    long start = System.nanoTime();
    while (!war.ours().equals(whole)) {
      if (System.nanoTime() - start > WAR_LIMIT.toNanos() * 2) {
        return WAR_LIMIT.toMillis() * 2.0;
      }
    }
    return (System.nanoTime() - start) / 1e6;
  }

  private static void measureRestarts(int times, Driver driver, Report report) throws Exception {
    var leases = Files.createTempDirectory("jaconet-bench");
    try (var load = new RestartLoad(Fabric.builder().create(), driver, leases)) {
      var restarts = load.during(() -> load.restart(times));
      addLosses(report, driver + ", " + times + " restarts", restarts);
      var kills = load.during(() -> load.kill(times, new Random()));
      addLosses(report, driver + ", " + times + " kills", kills);
      var flushed = load.during(() -> load.flushAndFill(times));
      report.add(
          driver + ", flush and fill " + times + " times",
          "flows of " + flushed.flows() + " not masqueraded",
          "flows",
          flushed.unmasqueraded());
    } finally {
      try (var files = Files.walk(leases)) {
        for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private static void measurePortRace(int rounds, Driver driver, Report report) throws IOException {
    var random = new Samples();
    var kept = new Samples();
    for (int round = 0; round < rounds; round++) {
      kept.add((double) PortRace.lost(driver, false, RACING_FLOWS));
      random.add((double) PortRace.lost(driver, true, RACING_FLOWS));
    }
    var what = "of " + RACING_FLOWS + " flows from equal ports lost, ";
    report.add(driver.toString(), what + "random ports", "flows", random);
    report.add(driver.toString(), what + "ports kept where free", "flows", kept);
    report.addBar(
        driver + ", lost for a source port against kept ports",
        random.median() / Math.max(1, kept.median()),
        0.1,
        "x");
  }

  private static void addLosses(Report report, String mode, RestartLoad.Losses losses) {
    report.add(mode, "pings of " + losses.pings() + " lost", "pings", losses.lostPings());
    report.add(mode, "flows of " + losses.flows() + " lost", "flows", losses.lostFlows());
    report.add(mode, "flows not masqueraded", "flows", losses.unmasqueraded());
    report.addBar(mode + ", pings lost", losses.lostPings(), 0, "pings");
    report.addBar(mode + ", flows not masqueraded", losses.unmasqueraded(), 0, "flows");
  }
}
