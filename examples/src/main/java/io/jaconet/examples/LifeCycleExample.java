package io.jaconet.examples;

import io.jaconet.Jaconet;
import io.jaconet.OverlayNetwork;
import io.jaconet.examples.store.EventLogLeaseStore;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.StoreSubnetManager;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** How does an application own a network: with its own lease store, its own threads, and a start and an end of its own? */
public final class LifeCycleExample {
  private LifeCycleExample() {}

  /** Joins, leaves so that traffic goes on, joins again, and leaves without a trace. */
  public static void main(String... arguments) throws Exception {
    try (var store = new EventLogLeaseStore();
        var leases = StoreSubnetManager.over(store)) {
      var network = join(leases);
      System.out.println("joined with " + network.lease().subnets());
      network.close(CloseMode.KEEP);

      network = join(leases);
      System.out.println("joined again with " + network.lease().subnets());
      network.close(CloseMode.PURGE);
    }
  }

  private static OverlayNetwork join(SubnetManager leases) throws Exception {
    var group = new ThreadGroup("my application");
    ThreadFactory threads = task -> new Thread(group, task);
    var joining = Jaconet.builder()
        .name("blue")
        .nodeId("host-a")
        .config(
            NetworkConfig.builder().network("10.244.0.0/16").backend("vxlan").build())
        .subnetManager(leases)
        .threadFactory(threads)
        .join();
    try {
      return joining.get(30, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      joining.cancel(true);
      throw e;
    }
  }
}
