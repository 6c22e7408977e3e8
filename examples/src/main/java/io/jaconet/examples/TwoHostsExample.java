package io.jaconet.examples;

import io.jaconet.Jaconet;
import io.jaconet.OverlayNetwork;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.Workload;
import java.nio.file.Path;

/** How do workloads of two hosts talk to each other, by IPv4 and by IPv6? Both hosts are namespaces of this machine. */
public final class TwoHostsExample {
  private TwoHostsExample() {}

  /** Makes two hosts, joins them, lets one's workload ping the other's, and removes everything. */
  public static void main(String... arguments) throws Exception {
    var config = NetworkConfig.builder()
        .network("10.244.0.0/16")
        .network("fd42:244::/48")
        .backend("vxlan")
        .build();
    try (var fabric = Fabric.builder().hosts(2).create();
        var store = new InMemoryLeaseStore();
        var leases = StoreSubnetManager.over(store);
        var left = join(fabric.host(1), config, leases);
        var right = join(fabric.host(2), config, leases)) {
      var here = workload(fabric.host(1), left);
      var there = workload(fabric.host(2), right);
      for (var family : IpFamily.values()) {
        var ping = here.ping(there.address(family), 3);
        System.out.println((ping.ok() ? "reached " : "did not reach ") + there.address(family));
      }
    }
  }

  private static OverlayNetwork join(Host host, NetworkConfig config, SubnetManager leases)
      throws Exception {
    return Jaconet.builder()
        .name(host.name())
        .nodeId(host.name())
        .namespace(Path.of("/run/netns", host.name()))
        .config(config)
        .subnetManager(leases)
        .join()
        .get();
  }

  private static Workload workload(Host host, OverlayNetwork network) throws Exception {
    return host.attachWorkload(
        network.overlayMtu(), network.lease().subnets().prefixes().toArray(IpPrefix[]::new));
  }
}
