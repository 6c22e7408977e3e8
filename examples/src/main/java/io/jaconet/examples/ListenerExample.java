package io.jaconet.examples;

import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import org.jspecify.annotations.Nullable;

/** How does a program learn what happens to its network? */
public final class ListenerExample {
  private ListenerExample() {}

  /** Joins, tells what it hears, and leaves without a trace. */
  public static void main(String... arguments) throws Exception {
    var config =
        NetworkConfig.builder().network("10.244.0.0/16").backend("vxlan").build();
    try (var store = new InMemoryLeaseStore();
        var leases = StoreSubnetManager.over(store);
        var network = Jaconet.builder()
            .nodeId("host-a")
            .config(config)
            .subnetManager(leases)
            .listener(new Printer())
            .join()
            .get()) {
      System.out.println("joined as " + network.lease().subnets());
      network.close(CloseMode.PURGE);
    }
  }

  private static final class Printer implements NetworkListener {
    @Override
    public void onState(NetworkState state) {
      System.out.println("state: " + state.phase() + " " + state.reason());
    }

    @Override
    public void onLease(@Nullable Lease before, Lease after) {
      System.out.println("lease: " + after.subnets());
    }

    @Override
    public void onPeer(@Nullable Lease before, @Nullable Lease after) {
      System.out.println("peer: " + (after == null ? "gone" : after.subnets()));
    }
  }
}
