package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;

/** How long it takes to join a large network, compared with the fastest way to tell the kernel the same. */
final class Scale implements Benchmark {
  /** Where less than this many peers are in the store, the heap must get by with {@link #SMALL_HEAP}. */
  private static final int PEERS_OF_SMALL_HEAP = 20_000;

  private static final String SMALL_HEAP = "-Xmx150m";
  private static final double HEAP_BAR_MIB = 150;

  @Override
  public String name() {
    return "scale";
  }

  @Override
  public String purpose() {
    return "a cold join, from join() to the last peer in the kernel, against ip -batch and bridge -batch";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws IOException {
    for (int peers : options.peers()) {
      try (var batch = IpBatch.of(peers)) {
        compareResults(peers, hosts, batch);
        measure(options.rounds().orElse(Options.ROUNDS), peers, hosts, batch, report);
      }
    }
  }

  private static void compareResults(int peers, Hosts hosts, IpBatch batch) throws IOException {
    var byJoin = hosts.create();
    join(peers, byJoin);
    var joined = ForwardingState.of(byJoin);
    hosts.remove(byJoin);
    var byBatch = hosts.create();
    byBatch.createVxlanDevice();
    batch.run(byBatch);
    var reference = ForwardingState.of(byBatch);
    hosts.remove(byBatch);
    if (!joined.equals(reference) || !joined.isComplete(peers)) {
      throw new IllegalStateException(
          "of " + peers + " peers, join() left " + joined + ", ip -batch " + reference);
    }
    System.out.println("join() and batch leave the same: " + joined);
  }

  private static void measure(int rounds, int peers, Hosts hosts, IpBatch batch, Report report)
      throws IOException {
    var joins = new Samples();
    var references = new Samples();
    var ratios = new Samples();
    var cpu = new Samples();
    var live = new Samples();
    var peak = new Samples();
    for (int round = 0; round < rounds; round++) {
      var host = hosts.create();
      host.createVxlanDevice();
      double reference = batch.run(host);
      hosts.remove(host);
      host = hosts.create();
      var figures = join(peers, host);
      hosts.remove(host);
      double join = ChildJvm.figure(figures, ColdJoin.JOIN_MILLIS);
      System.out.printf(
          "%d peers, round %d: join() %.0f ms, batch %.0f ms%n", peers, round + 1, join, reference);
      joins.add(join);
      references.add(reference);
      ratios.add(join / reference);
      cpu.add(ChildJvm.figure(figures, ColdJoin.CPU_MILLIS));
      live.add(ChildJvm.figure(figures, ColdJoin.LIVE_HEAP_MIB));
      peak.add(ChildJvm.figure(figures, ColdJoin.PEAK_HEAP_MIB));
    }
    var mode = peers + " peers";
    report.add(mode, "join()", "ms", joins);
    report.add(mode, "ip and bridge -batch", "ms", references);
    report.add(mode, "join() / batch", "x", ratios);
    report.add(mode, "join(), CPU", "ms", cpu);
    report.add(mode, "heap, live" + heapNote(peers), "MiB", live);
    report.add(mode, "heap, peak" + heapNote(peers), "MiB", peak);
    report.addBar(
        mode + ", join() / batch", ratios.median(), peers > PEERS_OF_SMALL_HEAP ? 1.6 : 1.8, "x");
    if (peers <= PEERS_OF_SMALL_HEAP) {
      report.addBar(mode + ", peak of the heap", peak.max(), HEAP_BAR_MIB, "MiB");
    }
  }

  private static ImmutableMap<String, Double> join(int peers, Host host) throws IOException {
    return ChildJvm.figures(ColdJoin.class, jvmOptions(peers), peers, host.name());
  }

  private static ImmutableList<String> jvmOptions(int peers) {
    return peers <= PEERS_OF_SMALL_HEAP ? ImmutableList.of(SMALL_HEAP) : ImmutableList.of();
  }

  private static String heapNote(int peers) {
    return peers <= PEERS_OF_SMALL_HEAP ? " (" + SMALL_HEAP + ")" : "";
  }
}
