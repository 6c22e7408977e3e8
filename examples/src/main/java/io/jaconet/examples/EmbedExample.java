package io.jaconet.examples;

import io.jaconet.Jaconet;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;

/** How does a JVM join a network? */
public final class EmbedExample {
  private EmbedExample() {}

  /** Joins in the namespace that the program is started in, which takes root, and leaves everything as it is. */
  public static void main(String... arguments) throws Exception {
    var config =
        NetworkConfig.parse("{\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}");
    try (var store = new InMemoryLeaseStore();
        var leases = StoreSubnetManager.over(store);
        var network = Jaconet.builder()
            .nodeId("host-a")
            .config(config)
            .subnetManager(leases)
            .join()
            .get()) {
      System.out.println("my subnet: " + network.lease().subnets());
      System.out.println("MTU for workloads: " + network.overlayMtu());
      System.out.println("peers: " + network.peers());
    }
  }
}
