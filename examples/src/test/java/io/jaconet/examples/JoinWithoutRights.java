package io.jaconet.examples;

import io.jaconet.Jaconet;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import java.util.concurrent.ExecutionException;

/** Tries to join in the namespace it runs in, and prints why it could not. */
final class JoinWithoutRights {
  private JoinWithoutRights() {}

  public static void main(String... arguments) throws Exception {
    var joined = Jaconet.builder()
        .nodeId("host-1")
        .config(NetworkConfig.parse(
            "{\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}"))
        .subnetManager(StoreSubnetManager.over(new InMemoryLeaseStore()))
        .underlay(UnderlaySelection.ofInterface("eth0"))
        .join();
    try {
      joined.get();
      System.out.println("joined");
    } catch (ExecutionException e) {
      System.out.println(e.getMessage());
    }
  }
}
