package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.common.util.concurrent.Uninterruptibles;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.SubnetEnv;
import io.jaconet.subnet.etcd.EtcdLeaseStore;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.Pings;
import io.jaconet.testkit.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;

/**
 * The daemon as it is started by hand, with an etcd at the switch of its hosts: how soon it is there among many, what it takes, and what it
 * does when etcd is away.
 */
final class Flanneld implements Benchmark {
  private static final ImmutableList<Integer> LEASES = ImmutableList.of(5_000, 20_000);
  private static final ImmutableList<Integer> BARS = ImmutableList.of(1_800, 4_000);
  private static final int ROUNDS = 3;
  private static final int CHANGES = 100;
  private static final String SWITCH = "192.0.2.254";
  private static final String CONFIG =
      "{\"Network\":\"10.0.0.0/8\",\"SubnetLen\":25,\"Backend\":{\"Type\":\"vxlan\"}}";
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final Duration REST = Duration.ofMillis(20);
  private static final Duration PING_INTERVAL = Duration.ofMillis(10);

  @Override
  public String name() {
    return "flanneld";
  }

  @Override
  public String purpose() {
    return "the daemon among 5,000 and 20,000 leases in etcd: start, memory, one change, and a store that is away";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    int rounds = options.rounds().orElse(ROUNDS);
    var directory = Files.createTempDirectory("jbench-flanneld");
    var fabric = hosts.createFabric((1 + LEASES.size()) * rounds + 2);
    try (var etcd = EtcdServer.builder().at(fabric.world(), SWITCH).start()) {
      int next = 1;
      withoutServer(fabric, next, rounds, directory, report);
      next += rounds;
      for (int i = 0; i < LEASES.size(); i++) {
        int leases = LEASES.get(i);
        etcd.ctl("put", prefix(leases) + "/config", CONFIG);
        fabric.world().namespace().<Exception>run(() -> fill(etcd, leases));
        double millis = coldStart(fabric, next, rounds, leases, etcd, directory, report);
        report.addBar(leases + " leases, exec to last route", millis, BARS.get(i), "ms");
        next += rounds;
      }
      var outage = new Outage(fabric, next, etcd, directory);
      outage.measure(options, report);
    } finally {
      try (var files = Files.walk(directory)) {
        for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private static String prefix(int leases) {
    return "/bench/" + leases;
  }

  private static EtcdLeaseStore store(EtcdServer etcd, int leases) {
    return EtcdLeaseStore.builder()
        .endpoints(List.of(etcd.endpoint()))
        .prefix(prefix(leases))
        .build();
  }

  /** Runs in the namespace of etcd, as the threads that it starts do. */
  private static void fill(EtcdServer etcd, int leases) throws Exception {
    try (var store = store(etcd, leases)) {
      EtcdLeases.fill(store, leases);
    }
  }

  private static void withoutServer(
      Fabric fabric, int first, int rounds, Path directory, Report report) throws Exception {
    var config = directory.resolve("net-conf.json");
    Files.writeString(config, CONFIG);
    var millis = new Samples();
    for (int round = 0; round < rounds; round++) {
      var host = fabric.host(first + round);
      try (var daemon = DaemonProcess.start(
          host,
          directory,
          "--store=file:" + directory.resolve("leases"),
          "--net-config-path=" + config)) {
        millis.add(daemon.millisToJoined());
      }
    }
    report.add("file store", "exec to joined", "ms", millis);
    report.addBar("file store, exec to joined", millis.median(), 1_000, "ms");
  }

  private static DaemonProcess start(Host host, EtcdServer etcd, int leases, Path directory)
      throws IOException {
    return DaemonProcess.start(
        host, directory, "--etcd-endpoints=" + etcd.endpoint(), "--etcd-prefix=" + prefix(leases));
  }

  /** Each round on a host that has nothing yet. */
  private static double coldStart(
      Fabric fabric,
      int first,
      int rounds,
      int leases,
      EtcdServer etcd,
      Path directory,
      Report report)
      throws Exception {
    var millis = new Samples();
    var resident = new Samples();
    var most = new Samples();
    for (int round = 0; round < rounds; round++) {
      var host = fabric.host(first + round);
      try (var daemon = start(host, etcd, leases, directory)) {
        millis.add(daemon.millisToJoined());
        requireRoutes(host, leases);
        resident.add(daemon.mebibytes("VmRSS"));
        most.add(daemon.mebibytes("VmHWM"));
      }
    }
    var mode = leases + " leases";
    report.add(mode, "exec to last route", "ms", millis);
    report.add(mode, "resident then", "MiB", resident);
    report.add(mode, "most ever resident", "MiB", most);
    if (leases == LEASES.get(0)) {
      report.addBar(mode + ", most ever resident", most.median(), 130, "MiB");
    }
    return millis.median();
  }

  private static void requireRoutes(Host host, int leases) throws IOException {
    long routes =
        host.run("ip", "route", "show", "table", "main").output().lines().count();
    if (routes < leases) {
      throw new IOException("only " + routes + " routes of " + leases);
    }
  }

  /** Two hosts among many whose workloads talk, and an etcd that goes away. */
  private record Outage(Fabric fabric, int first, EtcdServer etcd, Path directory) {
    private static final int SIZE = 5_000;

    /** The hosts choose subnets that come soon after those of the others. */
    private static final int FAR = 10 * SIZE;

    void measure(Options options, Report report) throws Exception {
      try (var one = start(fabric.host(first), etcd, SIZE, directory);
          var other = start(fabric.host(first + 1), etcd, SIZE, directory)) {
        one.millisToJoined();
        other.millisToJoined();
        fabric.world().namespace().<Exception>run(() -> change(report));
        var here = attach(first);
        var there = attach(first + 1);
        here.awaitAnswerFrom(there.address(IpFamily.V4));
        during("etcd killed", etcd::kill, options, one, here, there, report);
        etcd.run();
        etcd.awaitReady();
        addReturn("etcd killed", one, report);
        during("etcd's packets dropped", this::drop, options, one, here, there, report);
        fabric.world().run("nft", "delete", "table", "ip", "cut");
        addReturn("etcd's packets dropped", one, report);
        report.add(SIZE + " leases", "resident in the end", "MiB", one.mebibytes("VmRSS"));
      }
    }

    private static void addReturn(String mode, DaemonProcess daemon, Report report)
        throws Exception {
      long back = System.nanoTime();
      double seconds = Math.max(0, daemon.await("flanneld: UP", LIMIT) - back) / 1e9;
      report.add(mode, "etcd back to UP", "s", seconds);
      report.addBar(mode + ", etcd back to UP", seconds, 2, "s");
    }

    private void change(Report report) throws Exception {
      var millis = new Samples();
      try (var writer = store(etcd, SIZE);
          var monitor = KernelMonitor.start(fabric.host(first).name())) {
        for (int n = 0; n < CHANGES; n++) {
          int peer = FAR + n;
          monitor.awaitQuiet(REST);
          long before = System.nanoTime();
          SyntheticPeers.join(writer, peer);
          var route = "[ROUTE]" + SyntheticPeers.subnet(peer) + " ";
          millis.add((monitor.await(route, LIMIT) - before) / 1e6);
        }
      }
      report.add(SIZE + " leases", "one more in etcd to its route", "ms", millis);
      report.addBar("one change in etcd to its route", millis.median(), 8, "ms");
    }

    private Workload attach(int number) throws IOException {
      var host = fabric.host(number);
      var env = SubnetEnv.read(DaemonProcess.subnetFile(host, directory));
      return host.attachWorkload(env.mtu(), env.subnets().values().toArray(IpPrefix[]::new));
    }

    private void drop() throws IOException {
      var outcome = fabric
          .world()
          .run(
              "nft",
              "add table ip cut; add chain ip cut in { type filter hook input priority 0 ; };"
                  + " add rule ip cut in tcp dport " + etcd.clientPort() + " drop");
      if (!outcome.ok()) {
        throw new IOException("nft: " + outcome.output());
      }
    }

    private interface Cut {
      void make() throws IOException;
    }

    private static void during(
        String mode,
        Cut cut,
        Options options,
        DaemonProcess daemon,
        Workload here,
        Workload there,
        Report report)
        throws Exception {
      try (var pings = Pings.start(here, there.address(IpFamily.V4), PING_INTERVAL)) {
        int lines = daemon.linesLogged();
        long before = System.nanoTime();
        cut.make();
        double stale = (daemon.await("flanneld: STALE", LIMIT) - before) / 1e9;
        var cpu = daemon.cpu();
        long start = System.nanoTime();
        Uninterruptibles.sleepUninterruptibly(options.idle());
        double minutes = (System.nanoTime() - before) / 60e9;
        double share = 100.0 * daemon.cpu().minus(cpu).toNanos() / (System.nanoTime() - start);
        double logged = (daemon.linesLogged() - lines) / Math.max(1, minutes);
        int lost = pings.end().lost();
        report.add(mode, "cut to STALE", "s", stale);
        report.add(mode, "CPU of a core", "%", share);
        report.add(mode, "lines logged in a minute", "lines", logged);
        report.add(mode, "packets of others lost", "packets", lost);
        report.addBar(mode + ", to STALE", stale, 15, "s");
        report.addBar(mode + ", CPU of a core", share, 2, "%");
        report.addBar(mode + ", lines logged in a minute", logged, 10, "lines");
        report.addBar(mode + ", packets lost", lost, 0, "packets");
      }
    }
  }
}
