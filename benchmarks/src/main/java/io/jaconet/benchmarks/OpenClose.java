package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.CloseMode;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Whether a JVM and a kernel are as before after a network was opened and closed many times, in each mode of closing. */
final class OpenClose implements Benchmark {
  private static final int PEERS = 3;
  private static final int WARM_UP_CYCLES = 60;
  private static final double HEAP_TOLERANCE_MIB = 1;

  /** Threads end a moment after the close that told them to. */
  private static final Duration END_OF_THREADS = Duration.ofSeconds(10);

  /** The order matters: what one mode leaves the next adopts, and the last leaves nothing. */
  private static final ImmutableList<CloseMode> MODES =
      ImmutableList.of(CloseMode.KEEP, CloseMode.WITHDRAW, CloseMode.PURGE);

  @Override
  public String name() {
    return "openclose";
  }

  @Override
  public String purpose() {
    return "what is left of the networks that a JVM opened and closed";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    var host = hosts.create();
    cycle(WARM_UP_CYCLES, host);
    var before = Footprint.of(host);
    var millis = cycle(options.cycles(), host);
    var after = Footprint.of(host);
    hosts.remove(host);

    var mode = options.cycles() + " times";
    report.add(mode, "open and close", "ms", millis);
    before.counts().forEach((what, count) -> {
      report.add(mode, what + ", before", "", count);
      report.add(mode, what + ", after", "", after.count(what));
      report.addBar(what + " after", after.count(what), count, "");
    });
    report.add(mode, "live heap, before", "MiB", before.heapMib());
    report.add(mode, "live heap, after", "MiB", after.heapMib());
    report.addBar("live heap after", after.heapMib(), before.heapMib() + HEAP_TOLERANCE_MIB, "MiB");
  }

  private static Samples cycle(int times, Host host) throws Exception {
    var millis = new Samples();
    try (var store = new InMemoryLeaseStore();
        var leases = StoreSubnetManager.over(store)) {
      for (int peer = 0; peer < PEERS; peer++) {
        SyntheticPeers.join(store, peer);
      }
      for (int left = times; left > 0; left--) {
        long before = System.nanoTime();
        var network = Host.joining(host.name(), leases).join().get(1, TimeUnit.MINUTES);
        network.close(MODES.get(Math.floorMod(-left, MODES.size())));
        millis.add((System.nanoTime() - before) / 1e6);
      }
    }
    awaitEndOfThreads();
    return millis;
  }

  private static void awaitEndOfThreads() throws InterruptedException {
    for (var thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("jaconet-") && thread != Thread.currentThread()) {
        thread.join(END_OF_THREADS.toMillis());
      }
    }
  }
}
