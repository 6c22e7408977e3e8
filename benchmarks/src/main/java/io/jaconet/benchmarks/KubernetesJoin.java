package io.jaconet.benchmarks;

import io.jaconet.subnet.kubernetes.KubernetesCluster;
import io.jaconet.subnet.kubernetes.KubernetesSubnetManager;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.concurrent.TimeUnit;

/** Joins a network whose nodes are in a Kubernetes cluster, and prints how long that took since the JVM began, and how much heap. */
final class KubernetesJoin {
  static final String START_MILLIS = "start-ms";
  static final String PEERS = "peers";
  static final String PEAK_HEAP_MIB = "peak-heap-mib";
  static final String LIVE_HEAP_MIB = "live-heap-mib";
  private static final double MIB = 1 << 20;

  private KubernetesJoin() {}

  /** Takes the address of the API server and the name of the host. */
  public static void main(String[] args) throws Exception {
    try (var cluster = KubernetesCluster.builder().apiUrl(args[0]).build();
        var leases = KubernetesSubnetManager.over(cluster);
        var network = Host.joining(args[1], leases).join().get(1, TimeUnit.MINUTES)) {
      long millis =
          System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime();
      double peak = ManagementFactory.getMemoryPoolMXBeans().stream()
          .filter(pool -> pool.getType() == MemoryType.HEAP)
          .map(MemoryPoolMXBean::getPeakUsage)
          .mapToDouble(usage -> usage.getUsed())
          .sum();
      System.gc();
      double live = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
      System.out.println(START_MILLIS + " " + millis);
      System.out.println(PEERS + " " + network.peers().size());
      System.out.println(PEAK_HEAP_MIB + " " + peak / MIB);
      System.out.println(LIVE_HEAP_MIB + " " + live / MIB);
    }
  }
}
