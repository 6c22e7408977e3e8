package io.jaconet.benchmarks;

import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import java.util.concurrent.TimeUnit;

/** Joins a network without peers and says so. */
final class FirstJoin {
  private FirstJoin() {}

  /** Takes the name of the host. */
  public static void main(String[] args) throws Exception {
    var leases = StoreSubnetManager.over(new InMemoryLeaseStore());
    var network = Host.joining(args[0], leases).join().get(1, TimeUnit.MINUTES);
    System.out.println("joined " + network.lease().subnets());
    network.close();
  }
}
