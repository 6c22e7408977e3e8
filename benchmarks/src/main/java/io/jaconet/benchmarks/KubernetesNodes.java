package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.sun.management.OperatingSystemMXBean;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.NetworkState.Phase;
import io.jaconet.NetworkStats.Counter;
import io.jaconet.OverlayNetwork;
import io.jaconet.overlay.CloseMode;
import io.jaconet.subnet.kubernetes.KubernetesCluster;
import io.jaconet.subnet.kubernetes.KubernetesSubnetManager;
import io.jaconet.testkit.kubernetes.ApiServer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A network of 5,000 nodes of Kubernetes: cold start, one change, a list of what has not changed, and an API server that is dead. */
final class KubernetesNodes implements Benchmark {
  private static final int NODES = 5_000;
  private static final int IMAGES = 50;
  private static final String OWN_NODE = "this-host";
  private static final String PREFIX = "flannel.alpha.coreos.com/";
  private static final String MARK = PREFIX + "kube-subnet-manager";
  private static final ImmutableList<String> SMALL_HEAP =
      ImmutableList.of("-Xmx150m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final Duration REST = Duration.ofMillis(20);
  private static final Duration QUIET = Duration.ofSeconds(3);
  private static final double HEAP_BAR_MIB = 150;
  private static final double CPU_BAR_PERCENT = 2;

  @Override
  public String name() {
    return "kubernetes";
  }

  @Override
  public String purpose() {
    return "nodes of Kubernetes: cold start among 5,000, one change, a list again, a dead API server";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    try (var server = ApiServer.start()) {
      fill(server);
      coldStart(server, options, hosts, report);
      runningNetwork(server, options, hosts, report);
    }
  }

  /** Adds nodes as large as real ones, which list the images that they have. */
  private static void fill(ApiServer server) {
    var images = new JsonArray();
    for (int i = 0; i < IMAGES; i++) {
      var names = new JsonArray();
      names.add(
          "registry.example/team/application-" + i + "@sha256:" + "0123456789abcdef".repeat(4));
      names.add("registry.example/team/application-" + i + ":v1.0." + i);
      var image = new JsonObject();
      image.add("names", names);
      image.addProperty("sizeBytes", 100_000_000 + i);
      images.add(image);
    }
    var patch = "{\"status\":{\"images\":" + images + "}}";
    for (int peer = 0; peer < NODES; peer++) {
      server.addNode(
          "peer-" + peer, annotations(peer, 0), SyntheticPeers.subnet(peer).toString());
      server.merge("peer-" + peer, patch);
      if (peer % 100 == 0) {
        server.compact();
      }
    }
    server.addNode(OWN_NODE, SyntheticPeers.OWN.toString());
    server.compact();
  }

  private static Map<String, String> annotations(int peer, int moves) {
    return Map.of(
        MARK,
        "true",
        PREFIX + "backend-type",
        "vxlan",
        PREFIX + "backend-data",
        "{\"VNI\":1,\"VtepMAC\":\"" + SyntheticPeers.mac(peer, moves) + "\"}",
        PREFIX + "public-ip",
        SyntheticPeers.publicIp(peer, moves).toString());
  }

  private static void coldStart(ApiServer server, Options options, Hosts hosts, Report report)
      throws IOException {
    var millis = new Samples();
    var peak = new Samples();
    var live = new Samples();
    for (int round = 0; round < options.rounds().orElse(Options.ROUNDS); round++) {
      var host = hosts.create();
      var figures = ChildJvm.figures(KubernetesJoin.class, SMALL_HEAP, server.url(), host.name());
      hosts.remove(host);
      if (figures.getOrDefault(KubernetesJoin.PEERS, 0.0) != NODES) {
        throw new IllegalStateException("a host joined with " + figures);
      }
      millis.add(figures.getOrDefault(KubernetesJoin.START_MILLIS, 0.0));
      peak.add(figures.getOrDefault(KubernetesJoin.PEAK_HEAP_MIB, 0.0));
      live.add(figures.getOrDefault(KubernetesJoin.LIVE_HEAP_MIB, 0.0));
    }
    var mode = NODES + " nodes";
    report.add(mode, "JVM start to last peer in the kernel, list included", "ms", millis);
    report.add(mode, "heap, live", "MiB", live);
    report.add(mode, "heap, peak (-Xmx150m)", "MiB", peak);
    report.addBar("cold start", millis.median(), 3_000, "ms");
    report.addBar("peak of the heap", peak.max(), HEAP_BAR_MIB, "MiB");
  }

  private static void runningNetwork(ApiServer server, Options options, Hosts hosts, Report report)
      throws Exception {
    var host = hosts.create();
    var states = new LinkedBlockingQueue<NetworkState>();
    var listener = new NetworkListener() {
      @Override
      public void onState(NetworkState state) {
        states.add(state);
      }
    };
    try (var cluster = KubernetesCluster.builder().apiUrl(server.url()).build();
        var leases = KubernetesSubnetManager.over(cluster)) {
      var network =
          Host.joining(host.name(), leases).listener(listener).join().get(2, TimeUnit.MINUTES);
      try (var monitor = KernelMonitor.start(host)) {
        monitor.awaitQuiet(QUIET);
        changes(server, options.changes(), monitor, report);
        monitor.awaitQuiet(QUIET);
        listAgain(server, network, monitor, report);
        outage(server, options.idle(), network, monitor, states, report);
        silence(server, states, report);
      } finally {
        network.close(CloseMode.KEEP);
      }
    }
    hosts.remove(host);
  }

  private static void changes(ApiServer server, int changes, KernelMonitor monitor, Report report)
      throws IOException {
    var removed = new Samples();
    var added = new Samples();
    for (int peer = 0; peer < changes; peer++) {
      var route = SyntheticPeers.subnet(peer) + " ";
      removed.add(millis(server, peer, null, monitor, "[ROUTE]Deleted " + route));
      added.add(millis(server, peer, "true", monitor, "[ROUTE]" + route));
    }
    var mode = "one of " + NODES + " nodes";
    report.add(mode, "annotation set, to its route", "ms", added);
    report.add(mode, "annotation removed, to its route's end", "ms", removed);
    report.addBar("median from annotation to route", added.median(), 20, "ms");
  }

  private static double millis(
      ApiServer server, int peer, @Nullable String mark, KernelMonitor monitor, String announcement)
      throws IOException {
    monitor.awaitQuiet(REST);
    long before = System.nanoTime();
    server.annotate("peer-" + peer, MARK, mark);
    return (monitor.await(announcement, LIMIT) - before) / 1e6;
  }

  /** Has the watch end in a way that makes all nodes be listed again. */
  private static void listAgain(
      ApiServer server, OverlayNetwork network, KernelMonitor monitor, Report report)
      throws IOException {
    long lists = lists(server);
    long writes = network.stats().get(Counter.KERNEL_WRITES);
    server.compact();
    server.cutWatches();
    int announced = 0;
    while (lists(server) == lists) {
      announced += monitor.countFor(Duration.ofMillis(100));
    }
    announced += monitor.countFor(QUIET);
    double written = network.stats().get(Counter.KERNEL_WRITES) - writes + announced;
    report.add(
        NODES + " nodes listed again", "kernel writes and announcements", "entries", written);
    report.addBar("kernel writes by a list of what has not changed", written, 0, "entries");
  }

  private static long lists(ApiServer server) {
    return server.calls().stream().filter(call -> call.verb().equals("list")).count();
  }

  private static void outage(
      ApiServer server,
      Duration duration,
      OverlayNetwork network,
      KernelMonitor monitor,
      BlockingQueue<NetworkState> states,
      Report report)
      throws IOException, InterruptedException {
    long writes = network.stats().get(Counter.KERNEL_WRITES);
    states.clear();
    long begin = System.nanoTime();
    server.stop();
    double stale = secondsUntil(Phase.STALE, states, begin);
    var process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    long cpuBefore = process.getProcessCpuTime();
    int announced = monitor.countFor(duration);
    double cpu = 100.0 * (process.getProcessCpuTime() - cpuBefore) / duration.toNanos();
    double written = network.stats().get(Counter.KERNEL_WRITES) - writes + announced;
    begin = System.nanoTime();
    server.resume();
    double recovery = secondsUntil(Phase.UP, states, begin);

    var mode = "API server dead for " + duration.toSeconds() + " s";
    report.add(mode, "until STALE", "s", stale);
    report.add(mode, "CPU", "% of a core", cpu);
    report.add(mode, "kernel writes and announcements", "entries", written);
    report.add(mode, "back, until UP", "s", recovery);
    report.addBar("stale after the end of the API server", stale, 15, "s");
    report.addBar("CPU while it is dead, audits included", cpu, CPU_BAR_PERCENT, "%");
    report.addBar("kernel writes while it is dead", written, 0, "entries");
    report.addBar("recovery", recovery, 2, "s");
  }

  private static void silence(ApiServer server, BlockingQueue<NetworkState> states, Report report)
      throws IOException, InterruptedException {
    states.clear();
    long begin = System.nanoTime();
    server.freeze();
    double stale = secondsUntil(Phase.STALE, states, begin);
    begin = System.nanoTime();
    server.thaw();
    double recovery = secondsUntil(Phase.UP, states, begin);
    report.add("API server silent", "until STALE", "s", stale);
    report.add("API server silent", "back, until UP", "s", recovery);
    report.addBar("stale after the API server's last word", stale, 15, "s");
    report.addBar("recovery from silence", recovery, 2, "s");
  }

  private static double secondsUntil(Phase phase, BlockingQueue<NetworkState> states, long begin)
      throws IOException, InterruptedException {
    var state = states.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
    while (state != null && state.phase() != phase) {
      state = states.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
    }
    if (state == null) {
      throw new IOException("not " + phase + " within " + LIMIT);
    }
    return (System.nanoTime() - begin) / 1e9;
  }
}
