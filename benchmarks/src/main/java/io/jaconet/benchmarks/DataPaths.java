package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.jaconet.testkit.Fabric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * How fast packets travel between workloads of two hosts by each kind of data path, in alternating rounds: over veth as it is, which never
 * cuts what the kernel joined, and as over a wire that takes one packet at a time.
 */
final class DataPaths implements Benchmark {
  private static final int SECONDS = 2;
  private static final int PINGS = 2000;
  private static final double CLOCK_TICK_MILLIS = 10;
  private static final ImmutableList<String> MODES = ImmutableList.of("plain", "wire");

  /** A test of a mode and a variant: what a sample belongs to. */
  private record Key(String test, String mode, String variant) {}

  private final Map<Key, Samples> samples = new LinkedHashMap<>();

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
    for (String mode : MODES) {
      try (var fabric = Fabric.builder().create()) {
        var link = new TestLink(fabric);
        if (mode.equals("wire")) {
          link.limitToOneSegment();
        }
        for (int round = 0; round < options.rounds(); round++) {
          for (DataPathKind kind : DataPathKind.values()) {
            try (var path = kind.open(link)) {
              link.awaitPath();
              measure(link, mode, path.toString());
            }
          }
        }
      }
    }
    samples.forEach((key, values) ->
        report.addOf(key.test(), key.mode(), key.variant(), unit(key.test()), values));
    addRatios(report);
  }

  private static String unit(String test) {
    return switch (test) {
      case "tcp1", "tcp4" -> "Mbit/s";
      case "udp1300", "udp64" -> "kpps";
      case "rtt" -> "us";
      default -> "ms/Gbit";
    };
  }

  private void measure(TestLink link, String mode, String variant) throws IOException {
    long busy = busyTicks();
    var tcp = iperf(link, "-t", Integer.toString(SECONDS)).getAsJsonObject("sum_received");
    double gbit = tcp.get("bytes").getAsDouble() * 8 / 1e9;
    add("cpu", mode, variant, (busyTicks() - busy) * CLOCK_TICK_MILLIS / gbit);
    add("tcp1", mode, variant, tcp.get("bits_per_second").getAsDouble() / 1e6);
    add("tcp4", mode, variant, mbits(iperf(link, "-t", Integer.toString(SECONDS), "-P", "4")));
    for (int bytes : new int[] {1300, 64}) {
      add("udp" + bytes, mode, variant, receivedKpps(link, bytes));
    }
    add("rtt", mode, variant, roundTripMicros(link));
  }

  private void add(String test, String mode, String variant, double value) {
    samples.computeIfAbsent(new Key(test, mode, variant), key -> new Samples()).add(value);
  }

  static double mbits(JsonObject end) {
    return end.getAsJsonObject("sum_received").get("bits_per_second").getAsDouble() / 1e6;
  }

  private static double receivedKpps(TestLink link, int bytes) throws IOException {
    var sum = iperf(
            link, "-u", "-b", "0", "-l", Integer.toString(bytes), "-t", Integer.toString(SECONDS))
        .getAsJsonObject("sum");
    double received = sum.get("packets").getAsDouble() - sum.get("lost_packets").getAsDouble();
    return received / sum.get("seconds").getAsDouble() / 1e3;
  }

  /** Returns the member "end" of what the client reports. */
  static JsonObject iperf(TestLink link, String... options) throws IOException {
    var server = link.there()
        .namespace()
        .start(new ProcessBuilder("timeout", "30", "iperf3", "-s", "-1", "-p", "5201")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD));
    try {
      link.awaitListener();
      var command = ImmutableList.<String>builder()
          .add("iperf3", "-J", "-p", "5201", "-c", link.target())
          .add(options)
          .build();
      var outcome = link.here().run(command.toArray(String[]::new));
      var json = JsonParser.parseString(outcome.output()).getAsJsonObject();
      if (!outcome.ok() || json.has("error")) {
        throw new IOException("iperf3: " + outcome.output());
      }
      return json.getAsJsonObject("end");
    } finally {
      server.destroy();
    }
  }

  private static double roundTripMicros(TestLink link) throws IOException {
    var outcome =
        link.here().run("ping", "-n", "-q", "-f", "-c", Integer.toString(PINGS), link.target());
    var line = outcome.output().lines().filter(l -> l.startsWith("rtt")).findFirst();
    if (line.isEmpty()) {
      throw new IOException("ping: " + outcome.output());
    }
    return Double.parseDouble(List.of(line.get().split("[ /]", -1)).get(7)) * 1e3;
  }

  /** Returns how long all processors together were not idle, in ticks. */
  private static long busyTicks() throws IOException {
    var words = Files.readAllLines(Path.of("/proc/stat")).get(0).split(" +", -1);
    long busy = 0;
    for (int i = 1; i <= 8; i++) {
      boolean idle = i == 4 || i == 5;
      busy += idle ? 0 : Long.parseLong(words[i]);
    }
    return busy;
  }

  /** Adds the ratio of each median to that of the kernel's VXLAN. */
  private void addRatios(Report report) {
    samples.forEach((key, values) -> {
      var kernel =
          samples.get(new Key(key.test(), key.mode(), DataPathKind.KERNEL_VXLAN.toString()));
      double ratio = values.median() / Objects.requireNonNull(kernel).median();
      report.addOf(
          key.test(), key.mode(), key.variant() + "/kernel-vxlan", "ratio", Samples.of(ratio));
    });
  }
}
