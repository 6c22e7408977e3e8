package io.jaconet.benchmarks;

import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.subnet.etcd.EtcdLeaseStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Joins a network whose leases are in etcd; says so when all peers are in the kernel, and then how much memory the process has. */
final class EtcdJoin {
  private EtcdJoin() {}

  /** Takes the endpoint of etcd, the prefix and the name of the host. */
  public static void main(String[] args) throws Exception {
    try (var store =
            EtcdLeaseStore.builder().endpoints(List.of(args[0])).prefix(args[1]).build();
        var leases = StoreSubnetManager.over(store);
        var network = Host.joining(args[2], leases).join().get(1, TimeUnit.MINUTES)) {
      System.out.println("joined with " + network.peers().size() + " peers");
      var resident = Files.readAllLines(Path.of("/proc/self/status")).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .findFirst()
          .orElseThrow();
      System.out.println(resident.replaceAll("[^0-9]", ""));
      leases.release(network.lease());
    }
  }
}
