package io.jaconet.iptables;

import com.google.common.collect.ImmutableMap;
import io.jaconet.Jaconet;
import io.jaconet.OverlayNetwork;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.Station;
import io.jaconet.testkit.Workload;
import io.jaconet.vxlan.VxlanBackendProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Hosts in a dual-stack overlay over the kernel's VXLAN, each with a workload, and a world outside that has routes into the overlay. */
final class OverlayHosts implements AutoCloseable {
  static final int TUNNEL_PORT = 8472;
  private static final NetworkConfig CONFIG = NetworkConfig.parse(
      "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\",\"IPv6Network\":\"fd00:244::/48\","
          + "\"IPv6SubnetLen\":64,\"Backend\":{\"Type\":\"vxlan\"}}");

  private final Fabric fabric;
  private final InMemoryLeaseStore store = new InMemoryLeaseStore();
  private final StoreSubnetManager leases = StoreSubnetManager.over(store);
  private final List<HostPacketFilter> filters = new ArrayList<>();
  private final List<OverlayNetwork> networks = new ArrayList<>();
  private final List<Workload> workloads = new ArrayList<>();

  private OverlayHosts(Fabric fabric) {
    this.fabric = fabric;
  }

  /** Joins {@code hosts} hosts without anybody who keeps rules. */
  static OverlayHosts join(String prefix, int hosts) throws Exception {
    return join(prefix, hosts, null);
  }

  /** Joins hosts, of which the first one has rules and a guard by {@code driver}, or neither if that is null. */
  static OverlayHosts join(String prefix, int hosts, @Nullable Driver driver) throws Exception {
    var name = prefix + ProcessHandle.current().pid() + "-";
    var all = new OverlayHosts(Fabric.builder().prefix(name).hosts(hosts).create());
    try {
      for (int number = 1; number <= hosts; number++) {
        var builder = all.builder(number);
        if (driver != null && number == 1) {
          var filter = all.filter(1, driver);
          all.filters.add(filter);
          builder.iptablesManager(filter).masquerade(true).guard(true);
        }
        all.add(number, builder.join().get(30, TimeUnit.SECONDS));
      }
      all.letTheWorldIn();
      return all;
    } catch (Exception | Error e) {
      all.close();
      throw e;
    }
  }

  /** Returns what joins the host of a number to the network. */
  Jaconet.Builder builder(int number) {
    return Jaconet.builder()
        .name("host-" + number)
        .nodeId("host-" + number)
        .config(CONFIG)
        .backendProvider(new VxlanBackendProvider())
        .underlay(UnderlaySelection.ofInterface(Host.UNDERLAY_INTERFACE))
        .namespace(
            Path.of("/proc/self/fd", Integer.toString(host(number).namespace().fd())))
        .previousSubnets(Subnets.of(
            IpPrefix.parse("10.244." + number + ".0/24"),
            IpPrefix.parse("fd00:244:0:" + number + "::/64")))
        .subnetManager(leases);
  }

  private void add(int number, OverlayNetwork network) throws IOException {
    networks.add(network);
    workloads.add(host(number)
        .attachWorkload(
            network.overlayMtu(), network.lease().subnets().prefixes().toArray(IpPrefix[]::new)));
  }

  private void letTheWorldIn() throws IOException {
    for (var family : IpFamily.values()) {
      var network = family == IpFamily.V4 ? Traffic.NETWORK_V4 : Traffic.NETWORK_V6;
      run(
          world(),
          "ip",
          "route",
          "add",
          network.toString(),
          "via",
          host(1).address(family).toString());
    }
  }

  Host host(int number) {
    return fabric.host(number);
  }

  Host world() {
    return fabric.world();
  }

  Workload workload(int number) {
    return workloads.get(number - 1);
  }

  OverlayNetwork network(int number) {
    return networks.get(number - 1);
  }

  InMemoryLeaseStore store() {
    return store;
  }

  /** Returns what keeps the rules of a host by {@code driver}. */
  HostPacketFilter filter(int number, Driver driver) throws IOException {
    return HostPacketFilter.builder()
        .namespace(host(number).namespace())
        .driver(driver)
        .build();
  }

  /** Returns the rules of a host. */
  TrafficRules rules(int number) {
    return new TrafficRules(
        CONFIG.networks(), network(number).lease().subnets(), true, true, false);
  }

  /** Returns the stations that may speak to each other, by what a reader calls them. */
  ImmutableMap<String, Station> stations() {
    return ImmutableMap.of(
        "pod", workload(1),
        "host", host(1),
        "other node", host(2),
        "its pod", workload(2),
        "external", world());
  }

  static String run(Station station, String... command) throws IOException {
    var outcome = station.run(command);
    if (!outcome.ok()) {
      throw new IOException(String.join(" ", command) + ": " + outcome.output());
    }
    return outcome.output();
  }

  /** Returns the address that a host has on its VXLAN device. */
  IpAddress overlayAddress(int number, IpFamily family) {
    return network(number).lease().subnets().prefix(family).orElseThrow().base();
  }

  @Override
  public void close() throws IOException {
    for (var network : networks) {
      network.close(CloseMode.KEEP);
    }
    for (var filter : filters) {
      filter.close();
    }
    leases.close();
    fabric.close();
  }
}
