package io.jaconet.benchmarks;

import static com.google.common.collect.ImmutableList.toImmutableList;
import static java.util.stream.Collectors.joining;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/**
 * How fast packets travel between workloads of two hosts by each kind of data path, in alternating rounds: over veth as it is, which never
 * cuts what the kernel joined, and as over a wire that takes one packet at a time.
 */
final class DataPaths implements Benchmark {
  private static final int ROUNDS = 7;
  private static final Duration WARM_UP = Duration.ofSeconds(1);

  @Override
  public String name() {
    return "data";
  }

  @Override
  public String purpose() {
    return "throughput, delay and CPU of the data paths, with iperf3 and ping";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    var figures = new DataFigures();
    var link = new TestLink(hosts.createFabric());
    warmUp(options, link);
    for (int round = 0; round < options.rounds().orElse(ROUNDS); round++) {
      for (LinkMode mode : options.modes()) {
        link.set(mode);
        // Each time another one is first, so that none always follows the same one.
        for (DataPathKind variant : rotated(variants(options), round)) {
          var measured = measure(variant, link, options.traffic(), options.tests());
          measured.forEach((test, value) -> figures.add(test, mode, variant, value));
          System.out.println(line(mode, variant, measured));
        }
      }
    }
    figures.reportTo(report);
    report.addBar(
        "TCP segments with a wrong checksum",
        (double) link.tcpChecksumErrors(),
        0,
        "in all workloads");
    if (options.svg().isPresent()) {
      int rounds = options.rounds().orElse(ROUNDS);
      var caption = (rounds == 1 ? "one round; " : "medians of " + rounds + " rounds; ")
          + Machine.hardwareAndSystem();
      Files.writeString(options.svg().get(), figures.chart(caption).svg());
    }
  }

  private static ImmutableList<DataPathKind> variants(Options options) {
    return options.variants().stream()
        .filter(variant -> options.tests().stream().anyMatch(variant::takes))
        .collect(toImmutableList());
  }

  private static ImmutableList<DataPathKind> rotated(List<DataPathKind> variants, int by) {
    List<DataPathKind> rotated = new ArrayList<>(variants);
    Collections.rotate(rotated, -by);
    return ImmutableList.copyOf(rotated);
  }

  /** Has each path carry what it will carry, so that the first round finds the code compiled. */
  private static void warmUp(Options options, TestLink link) throws IOException {
    for (DataPathKind variant : variants(options)) {
      measure(variant, link, WARM_UP, options.tests());
    }
  }

  private static ImmutableMap<PathTest, Double> measure(
      DataPathKind variant, TestLink link, Duration duration, Set<PathTest> tests)
      throws IOException {
    var path = variant.open(link);
    try {
      link.awaitPath();
      return new Traffic(link, duration).measure(Sets.filter(tests, variant::takes));
    } finally {
      path.close();
    }
  }

  private static String line(
      LinkMode mode, DataPathKind variant, ImmutableMap<PathTest, Double> measured) {
    return measured.entrySet().stream()
        .map(figure -> figure.getKey() + " " + Report.figure(figure.getValue()))
        .collect(joining(", ", mode + " " + variant + ": ", ""));
  }
}
