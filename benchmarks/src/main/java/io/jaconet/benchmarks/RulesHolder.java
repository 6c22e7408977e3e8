package io.jaconet.benchmarks;

import io.jaconet.iptables.Driver;
import io.jaconet.subnet.FileLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** Joins a host to the network of {@link RestartLoad} and keeps its rules, until somebody kills it. */
final class RulesHolder {
  private RulesHolder() {}

  /** Takes the host's name, the driver and the directory of the leases. */
  public static void main(String[] args) throws Exception {
    var store = FileLeaseStore.open(Path.of(args[2]));
    var network = RestartLoad.join(
            args[0], 1, StoreSubnetManager.over(store), Driver.valueOf(args[1]))
        .get(1, TimeUnit.MINUTES);
    System.out.println("joined " + network.network().lease().subnets());
    System.in.read();
  }
}
