package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.subnet.etcd.EtcdLeaseStore;
import io.jaconet.testkit.EtcdServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;

/** Leases in an etcd of one member: a cold start among many, a list, one change, and hosts that start together. */
final class EtcdLeases implements Benchmark {
  private static final ImmutableList<String> QUICK_START =
      ImmutableList.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");
  private static final int HOSTS = 50;
  private static final int WRITERS = 16;

  /** The bar of a cold start, in milliseconds, by the number of leases. */
  private static final Map<Integer, Integer> BARS = Map.of(5_000, 1_800, 20_000, 4_000);

  @Override
  public String name() {
    return "etcd";
  }

  @Override
  public String purpose() {
    return "leases in etcd: cold start among 5,000 and 20,000, list, change, " + HOSTS
        + " hosts at once";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    try (var etcd = EtcdServer.start()) {
      for (int leases : ImmutableList.of(5_000, 20_000)) {
        var prefix = "/bench/" + leases;
        try (var store = store(etcd, prefix)) {
          fill(store, leases);
          list(store, leases, options, report);
          coldStart(etcd, prefix, leases, options, hosts, report);
        }
      }
      change(etcd, options, report);
      together(etcd, options, report);
    }
  }

  private static EtcdLeaseStore store(EtcdServer etcd, String prefix) {
    return EtcdLeaseStore.builder()
        .endpoints(List.of(etcd.endpoint()))
        .prefix(prefix)
        .build();
  }

  /** Writes the leases of as many peers, some at a time. */
  static void fill(LeaseStore store, int leases) throws Exception {
    inParallel(WRITERS, writer -> {
      for (int peer = writer; peer < leases; peer += WRITERS) {
        SyntheticPeers.join(store, peer);
      }
      return writer;
    });
  }

  private static void list(LeaseStore store, int leases, Options options, Report report)
      throws IOException {
    var millis = new Samples();
    for (int round = 0; round < options.rounds().orElse(Options.ROUNDS); round++) {
      long before = System.nanoTime();
      store.list();
      millis.add((System.nanoTime() - before) / 1e6);
    }
    report.add(leases + " leases", "list", "ms", millis);
  }

  private static void coldStart(
      EtcdServer etcd, String prefix, int leases, Options options, Hosts hosts, Report report)
      throws Exception {
    var millis = new Samples();
    var resident = new Samples();
    for (int round = 0; round < options.rounds().orElse(Options.ROUNDS); round++) {
      var host = hosts.create();
      long before = System.nanoTime();
      var process = new ProcessBuilder(ChildJvm.commandOnClassPath(
              EtcdJoin.class, QUICK_START, etcd.endpoint(), prefix, host.name()))
          .redirectError(ProcessBuilder.Redirect.INHERIT)
          .start();
      try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
        var joined = lines.readLine();
        millis.add((System.nanoTime() - before) / 1e6);
        if (!("joined with " + leases + " peers").equals(joined)) {
          throw new IOException("a host did not join: " + joined);
        }
        resident.add(Double.parseDouble(lines.readLine()) / 1024);
      }
      process.onExit().join();
      hosts.remove(host);
    }
    report.add(leases + " leases", "JVM start to last peer in the kernel", "ms", millis);
    report.add(leases + " leases", "resident then", "MiB", resident);
    report.addBar(
        leases + " leases, cold start", millis.median(), BARS.getOrDefault(leases, 0), "ms");
  }

  private static void change(EtcdServer etcd, Options options, Report report) throws Exception {
    try (var writer = store(etcd, "/bench/change");
        var reader = store(etcd, "/bench/change")) {
      var seen = new SynchronousQueue<Long>();
      var entry = writer.create(Subnets.of(SyntheticPeers.subnet(0)), "", "peer", null);
      reader.watch(entry.revision(), new LeaseStore.Watcher() {
        @Override
        public void onEvents(ImmutableList<LeaseStore.Event> events) {
          try {
            seen.put(System.nanoTime());
          } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
          }
        }

        @Override
        public void onFailure(IOException cause) {
          throw new AssertionError(cause);
        }
      });
      var millis = new Samples();
      for (int i = 0; i < options.changes(); i++) {
        long before = System.nanoTime();
        entry = writer.update(entry, "change " + i, "peer", null);
        millis.add((seen.take() - before) / 1e6);
      }
      report.add("one change", "write to another host's watch", "ms", millis);
    }
  }

  private static void together(EtcdServer etcd, Options options, Report report) throws Exception {
    var millis = new Samples();
    for (int round = 0; round < options.rounds().orElse(Options.ROUNDS); round++) {
      var prefix = "/bench/together/" + round;
      long before = System.nanoTime();
      inParallel(HOSTS, number -> {
        try (var store = store(etcd, prefix);
            var leases = StoreSubnetManager.over(store)) {
          var attributes = LeaseAttributes.of(
              "vxlan", Map.of(IpFamily.V4, IpAddress.parse("198.18.0.1").plus(number)), Map.of());
          return leases.acquire(
              new LeaseRequest(SyntheticPeers.config(), "node-" + number, attributes, null));
        }
      });
      millis.add((System.nanoTime() - before) / 1e6);
    }
    report.add(HOSTS + " hosts at once", "all have a lease", "ms", millis);
    report.addBar(HOSTS + " hosts at once", millis.median(), 3_000, "ms");
  }

  /** What one of several threads does. */
  private interface Numbered<T> {
    T run(int number) throws Exception;
  }

  private static <T> void inParallel(int threads, Numbered<T> task) throws Exception {
    var pool = Executors.newFixedThreadPool(threads);
    try {
      var tasks = new ArrayList<Callable<T>>();
      for (int i = 0; i < threads; i++) {
        int number = i;
        tasks.add(() -> task.run(number));
      }
      for (Future<T> done : pool.invokeAll(tasks, 5, TimeUnit.MINUTES)) {
        done.get();
      }
    } finally {
      pool.shutdownNow();
    }
  }
}
