package io.jaconet.benchmarks;

import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.OverlayNetwork;
import io.jaconet.iptables.Driver;
import io.jaconet.iptables.HostPacketFilter;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.FileLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.Pings;
import io.jaconet.testkit.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Two hosts under load, of which one restarts again and again: pings between workloads, and new flows to a host outside. */
final class RestartLoad implements AutoCloseable {
  private static final IpPrefix OVERLAY = IpPrefix.parse("10.244.0.0/16");
  private static final int FLOWS_PER_SECOND = 2_000;
  private static final Duration PING_INTERVAL = Duration.ofMillis(2);

  private final Fabric fabric;
  private final Driver driver;
  private final Path leases;
  private final Workload here;
  private final Workload there;
  private final Host outsider;

  /** A host that has joined, with what keeps its rules. */
  record Joined(OverlayNetwork network, HostPacketFilter filter) {
    void leave() throws IOException {
      network.close(CloseMode.KEEP);
      filter.close();
    }
  }

  /** What was lost and what was seen wrongly. */
  record Losses(int pings, int lostPings, int flows, int lostFlows, int unmasqueraded) {}

  RestartLoad(Fabric fabric, Driver driver, Path leases) throws Exception {
    this.fabric = fabric;
    this.driver = driver;
    this.leases = leases;
    this.outsider = fabric.attachOutsider();
    try (var store = FileLeaseStore.open(leases);
        var subnets = StoreSubnetManager.over(store)) {
      var first = join(fabric.host(1).name(), 1, subnets, driver).get(1, TimeUnit.MINUTES);
      var second = join(fabric.host(2).name(), 2, subnets, driver).get(1, TimeUnit.MINUTES);
      here = attach(fabric.host(1), first.network());
      there = attach(fabric.host(2), second.network());
      here.awaitAnswerFrom(there.address(IpFamily.V4));
      first.leave();
      second.leave();
    }
    here.awaitAnswerFrom(outsider.address(IpFamily.V4));
  }

  private static Workload attach(Host host, OverlayNetwork network) throws IOException {
    return host.attachWorkload(
        network.overlayMtu(), network.lease().subnets().prefixes().toArray(IpPrefix[]::new));
  }

  /** Joins the host called {@code name}; done once its rules are there. */
  static CompletableFuture<Joined> join(
      String name, int number, SubnetManager leases, Driver driver) throws IOException {
    var namespace = NetworkNamespace.named(name);
    var filter = HostPacketFilter.builder().namespace(namespace).driver(driver).build();
    var up = new CompletableFuture<Boolean>();
    return Jaconet.builder()
        .nodeId("node-" + number)
        .config(NetworkConfig.parse(
            "{\"Network\":\"" + OVERLAY + "\",\"Backend\":{\"Type\":\"vxlan\"}}"))
        .underlay(UnderlaySelection.ofInterface(Host.UNDERLAY_INTERFACE))
        .namespace(Path.of("/run/netns", name))
        .previousSubnets(Subnets.of(IpPrefix.parse("10.244." + number + ".0/24")))
        .subnetManager(leases)
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
        .thenCombine(up, (network, isUp) -> new Joined(network, filter));
  }

  /** Something that is done under load. */
  interface Disturbance {
    void run() throws Exception;
  }

  /** Returns what goes wrong while {@code disturbance} is done. */
  Losses during(Disturbance disturbance) throws Exception {
    try (var pings = Pings.start(here, there.address(IpFamily.V4), PING_INTERVAL);
        var flows = NewFlows.start(here, outsider, OVERLAY, FLOWS_PER_SECOND)) {
      disturbance.run();
      var pinged = pings.end();
      int sent = flows.sent();
      return new Losses(
          pinged.sent(),
          pinged.lost(),
          sent,
          Math.max(0, sent - flows.received()),
          flows.unmasqueraded());
    }
  }

  /** Opens and closes the first host's network again and again. */
  void restart(int times) throws Exception {
    for (int i = 0; i < times; i++) {
      try (var store = FileLeaseStore.open(leases);
          var subnets = StoreSubnetManager.over(store)) {
        join(fabric.host(1).name(), 1, subnets, driver).get(1, TimeUnit.MINUTES).leave();
      }
    }
  }

  /** Starts a JVM that joins the first host, and kills it at a moment that nobody chose, again and again. */
  void kill(int times, Random random) throws Exception {
    for (int i = 0; i < times; i++) {
      var child = new ProcessBuilder(ChildJvm.command(
              RulesHolder.class,
              List.of("-XX:TieredStopAtLevel=1"),
              fabric.host(1).name(),
              driver.name(),
              leases))
          .redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .start();
      boolean ended = child.waitFor(200 + random.nextInt(1_000), TimeUnit.MILLISECONDS);
      child.destroyForcibly().waitFor();
      if (ended) {
        throw new IOException("the process to be killed ended before, with " + child.exitValue());
      }
    }
  }

  /** Flushes the chain and fills it again rule by rule, as flanneld does when it starts. */
  void flushAndFill(int times) throws IOException {
    var name = fabric.host(1).name();
    var nft = driver == Driver.NFTABLES;
    var program = driver == Driver.IPTABLES_LEGACY ? "iptables-legacy" : "iptables-nft";
    for (int i = 0; i < times; i++) {
      if (nft) {
        var rules = Commands.output(
                "ip",
                "netns",
                "exec",
                name,
                "nft",
                "-s",
                "list",
                "chain",
                "ip",
                "flannel-ipv4",
                "postrtg")
            .lines()
            .filter(line -> line.contains("ip saddr") || line.contains("meta mark"))
            .toList();
        Commands.output(
            "ip", "netns", "exec", name, "nft", "flush", "chain", "ip", "flannel-ipv4", "postrtg");
        for (var rule : rules) {
          Commands.output(
              "ip",
              "netns",
              "exec",
              name,
              "nft",
              "add rule ip flannel-ipv4 postrtg " + rule.strip());
        }
      } else {
        var rules = Commands.output(
                "ip", "netns", "exec", name, program, "-t", "nat", "-S", "FLANNEL-POSTRTG")
            .lines()
            .skip(1)
            .toList();
        Commands.output(
            "ip", "netns", "exec", name, program, "-w", "-t", "nat", "-F", "FLANNEL-POSTRTG");
        var file = Files.createTempFile("rules", "");
        try {
          Files.writeString(file, "*nat\n" + String.join("\n", rules) + "\nCOMMIT\n");
          Commands.output(
              "ip",
              "netns",
              "exec",
              name,
              program + "-restore",
              "--noflush",
              "-w",
              "10",
              file.toString());
        } finally {
          Files.delete(file);
        }
      }
    }
  }

  @Override
  public void close() throws IOException {
    fabric.close();
  }
}
