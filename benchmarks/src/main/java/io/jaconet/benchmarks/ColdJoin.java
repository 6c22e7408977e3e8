package io.jaconet.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.concurrent.TimeUnit;

/**
 * Joins a network with many peers once, from a store that already has them, and prints how long that took and how much heap. What is in
 * the kernel stays there.
 */
final class ColdJoin {
  static final String JOIN_MILLIS = "join-ms";
  static final String CPU_MILLIS = "cpu-ms";
  static final String PEAK_HEAP_MIB = "peak-heap-mib";
  static final String LIVE_HEAP_MIB = "live-heap-mib";
  private static final double MIB = 1 << 20;

  private ColdJoin() {}

  /** Takes the number of peers and the name of the host. */
  public static void main(String[] args) throws Exception {
    int peers = Integer.parseInt(args[0]);
    var store = new InMemoryLeaseStore();
    for (int peer = 0; peer < peers; peer++) {
      SyntheticPeers.join(store, peer);
    }
    var process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    ManagementFactory.getMemoryPoolMXBeans().forEach(MemoryPoolMXBean::resetPeakUsage);

    long cpuBefore = process.getProcessCpuTime();
    long before = System.nanoTime();
    var network =
        Host.joining(args[1], StoreSubnetManager.over(store)).join().get(2, TimeUnit.MINUTES);
    double millis = (System.nanoTime() - before) / 1e6;
    double cpuMillis = (process.getProcessCpuTime() - cpuBefore) / 1e6;

    double peak = peakHeapBytes();
    System.gc();
    double live = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    if (network.peers().size() != peers
        || !network.pending().isEmpty()
        || !network.quarantine().isEmpty()) {
      throw new IllegalStateException(network.state() + ", " + network.stats());
    }
    System.out.println(JOIN_MILLIS + " " + millis);
    System.out.println(CPU_MILLIS + " " + cpuMillis);
    System.out.println(PEAK_HEAP_MIB + " " + peak / MIB);
    System.out.println(LIVE_HEAP_MIB + " " + live / MIB);
    network.close();
  }

  /** Returns a bit more than the truth, since the parts of the heap may have been full at different times. */
  private static double peakHeapBytes() {
    return ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(pool -> pool.getType() == MemoryType.HEAP)
        .mapToDouble(pool -> pool.getPeakUsage().getUsed())
        .sum();
  }
}
