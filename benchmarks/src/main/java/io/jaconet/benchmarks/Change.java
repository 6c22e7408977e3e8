package io.jaconet.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import io.jaconet.NetworkStats;
import io.jaconet.NetworkStats.Counter;
import io.jaconet.OverlayNetwork;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** How soon the kernel knows of one change in a large network, and what a network without changes costs. */
final class Change implements Benchmark {
  private static final Duration LIMIT = Duration.ofSeconds(10);

  /** A change comes to a network at rest: the processor's caches are others' and its threads sleep. */
  private static final Duration REST = Duration.ofMillis(20);

  /** Longer than the kernel takes to find that nobody else has the link-local addresses of new links. */
  private static final Duration LINK_LOCAL_ADDRESSES = Duration.ofSeconds(3);

  private static final double MEDIAN_BAR_MILLIS = 3;
  private static final double P99_BAR_MILLIS = 20;

  @Override
  public String name() {
    return "change";
  }

  @Override
  public String purpose() {
    return "one lease changes: from the call of the store to the kernel's announcement; then nothing changes";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    int peers = options.peers().get(0);
    var host = hosts.create();
    try (var store = new InMemoryLeaseStore();
        var leases = StoreSubnetManager.over(store)) {
      for (int peer = 0; peer < peers; peer++) {
        SyntheticPeers.join(store, peer);
      }
      var network = Host.joining(host.name(), leases).join().get(2, TimeUnit.MINUTES);
      try (var monitor = KernelMonitor.start(host)) {
        measureChanges(options.changes(), peers, store, monitor, report);
        monitor.awaitQuiet(LINK_LOCAL_ADDRESSES);
        measureIdle(options.idle(), peers, network, monitor, report);
      } finally {
        network.close(CloseMode.KEEP);
      }
    }
    hosts.remove(host);
  }

  private static void measureChanges(
      int changes, int peers, InMemoryLeaseStore store, KernelMonitor monitor, Report report)
      throws IOException {
    var records = records(store);
    var added = new Samples();
    var moved = new Samples();
    var removed = new Samples();
    for (int n = 0; n < changes; n++) {
      int peer = peers + n;
      int old = n % peers;
      added.add(millis(
          monitor,
          "[ROUTE]" + SyntheticPeers.subnet(peer) + " ",
          () -> SyntheticPeers.join(store, peer)));
      var fdbEntry = SyntheticPeers.publicIp(old, 1) + " dev " + Host.VXLAN_DEVICE + " lladdr "
          + SyntheticPeers.mac(old, 1);
      moved.add(millis(
          monitor, fdbEntry, () -> SyntheticPeers.move(store, record(records, old), old, 1)));
      var route = "[ROUTE]Deleted " + SyntheticPeers.subnet(peer) + " ";
      var young = record(records(store), peer);
      removed.add(millis(monitor, route, () -> store.delete(young)));
    }
    var all = new Samples();
    all.addAll(added);
    all.addAll(moved);
    all.addAll(removed);
    var mode = peers + " peers";
    report.add(mode, "peer added, to its route", "ms", added);
    report.add(mode, "peer moved, to its FDB entry", "ms", moved);
    report.add(mode, "peer removed, to its route's end", "ms", removed);
    report.add(mode, "all " + all.count() + " changes", "ms", all);
    report.add(mode, "all " + all.count() + " changes, 99th percentile", "ms", all.quantile(0.99));
    report.addBar("median of all changes", all.median(), MEDIAN_BAR_MILLIS, "ms");
    report.addBar("99th percentile of all changes", all.quantile(0.99), P99_BAR_MILLIS, "ms");
  }

  private interface StoreCall {
    void run() throws IOException;
  }

  private static double millis(KernelMonitor monitor, String announcement, StoreCall call)
      throws IOException {
    monitor.awaitQuiet(REST);
    long before = System.nanoTime();
    call.run();
    return (monitor.await(announcement, LIMIT) - before) / 1e6;
  }

  private static Map<String, LeaseStore.Entry> records(LeaseStore store) throws IOException {
    var records = new HashMap<String, LeaseStore.Entry>();
    store.list().entries().forEach(entry -> records.put(entry.key(), entry));
    return records;
  }

  private static LeaseStore.Entry record(Map<String, LeaseStore.Entry> records, int peer) {
    var record = records.get(Subnets.of(SyntheticPeers.subnet(peer)).key());
    if (record == null) {
      throw new IllegalStateException("peer " + peer + " has no record");
    }
    return record;
  }

  private static void measureIdle(
      Duration duration, int peers, OverlayNetwork network, KernelMonitor monitor, Report report)
      throws IOException {
    var process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    var before = network.stats();
    long cpuBefore = process.getProcessCpuTime();
    int announcements = monitor.countFor(duration);
    double cpuMillis = (process.getProcessCpuTime() - cpuBefore) / 1e6;
    var after = network.stats();
    double writes = grown(Counter.KERNEL_WRITES, before, after);
    var mode = "idle for " + duration.toSeconds() + " s, " + peers + " peers";
    report.add(mode, "kernel writes", "entries", writes);
    report.add(mode, "kernel announcements", "lines", announcements);
    report.add(mode, "audits", "times", grown(Counter.AUDITS, before, after));
    report.add(mode, "CPU", "ms", cpuMillis);
    report.addBar("kernel writes while idle", writes + announcements, 0, "entries");
  }

  private static double grown(Counter counter, NetworkStats before, NetworkStats after) {
    return (double) (after.get(counter) - before.get(counter));
  }
}
