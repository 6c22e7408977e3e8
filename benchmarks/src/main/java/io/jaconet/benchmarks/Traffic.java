package io.jaconet.benchmarks;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;

/** Sends packets from one workload of a link to the other, with iperf3 and ping, and tells how that went. */
final class Traffic {
  private static final int PINGS = 5000;
  private static final double CLOCK_TICK_MILLIS = 10;
  private static final Path KERNEL_STATISTICS = Path.of("/proc/stat");

  private final TestLink link;
  private final String seconds;

  Traffic(TestLink link, Duration duration) {
    this.link = link;
    this.seconds = Long.toString(duration.toSeconds());
  }

  /** Returns the figures of {@code tests}, each in its unit. */
  ImmutableMap<PathTest, Double> measure(Set<PathTest> tests) throws IOException {
    var figures = ImmutableMap.<PathTest, Double>builder();
    if (tests.contains(PathTest.TCP1) || tests.contains(PathTest.CPU)) {
      var stream = iperf();
      figures.put(PathTest.TCP1, stream.mbits());
      figures.put(PathTest.CPU, stream.cpuMillis / (stream.bytes() * 8 / 1e9));
    }
    if (tests.contains(PathTest.TCP4)) {
      figures.put(PathTest.TCP4, iperf("-P", "4").mbits());
    }
    if (tests.contains(PathTest.UDP1300)) {
      figures.put(PathTest.UDP1300, receivedKpps(1300));
    }
    if (tests.contains(PathTest.UDP64)) {
      figures.put(PathTest.UDP64, receivedKpps(64));
    }
    if (tests.contains(PathTest.RTT)) {
      figures.put(PathTest.RTT, roundTripMicros());
    }
    return ImmutableMap.copyOf(Maps.filterKeys(figures.buildOrThrow(), tests::contains));
  }

  /**
   * Sends as fast as one client can. That is more than a path in user space carries; the kernel's paths work within the client's system
   * calls, so that the client itself is their limit.
   */
  private double receivedKpps(int bytes) throws IOException {
    var flood = iperf("-u", "-b", "0", "-l", Integer.toString(bytes));
    return flood.bytes() / bytes / flood.seconds() / 1e3;
  }

  /**
   * What came of iperf3.
   *
   * @param received what the receiver says of all streams together
   * @param cpuMillis how long all processors together worked meanwhile
   */
  private record Received(JsonObject received, double cpuMillis) {
    double bytes() {
      return received.get("bytes").getAsDouble();
    }

    double seconds() {
      return received.get("seconds").getAsDouble();
    }

    double mbits() {
      return received.get("bits_per_second").getAsDouble() / 1e6;
    }
  }

  private Received iperf(String... options) throws IOException {
    var server = link.there()
        .namespace()
        .start(new ProcessBuilder("timeout", "60", "iperf3", "-s", "-1", "-p", "5201")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD));
    try {
      link.awaitListener();
      var command = ImmutableList.<String>builder()
          .add("iperf3", "-J", "-p", "5201", "-c", link.target(), "-t", seconds)
          .add(options)
          .build();
      long before = busyTicks();
      var outcome = link.here().run(command.toArray(String[]::new));
      double cpuMillis = (busyTicks() - before) * CLOCK_TICK_MILLIS;
      var json = JsonParser.parseString(outcome.output()).getAsJsonObject();
      if (!outcome.ok() || json.has("error")) {
        throw new IOException("iperf3: " + outcome.output());
      }
      return new Received(json.getAsJsonObject("end").getAsJsonObject("sum_received"), cpuMillis);
    } finally {
      server.destroy();
    }
  }

  /** Returns how long all processors together worked since the machine started, in ticks. What its own host took from it is not work. */
  private static long busyTicks() throws IOException {
    var first = Files.readAllLines(KERNEL_STATISTICS).get(0);
    // cpu user nice system idle iowait irq softirq steal; a guest's time is part of user
    var ticks = Splitter.on(' ').omitEmptyStrings().splitToList(first);
    long busy = 0;
    for (int column : new int[] {1, 2, 3, 6, 7}) {
      busy += Long.parseLong(ticks.get(column));
    }
    return busy;
  }

  private double roundTripMicros() throws IOException {
    var outcome =
        link.here().run("ping", "-n", "-q", "-f", "-c", Integer.toString(PINGS), link.target());
    // rtt min/avg/max/mdev = 0.010/0.012/0.110/0.003 ms, …
    var line = outcome
        .output()
        .lines()
        .filter(candidate -> candidate.startsWith("rtt"))
        .findFirst()
        .orElseThrow(() -> new IOException("ping: " + outcome.output()));
    return Double.parseDouble(Splitter.on('/').splitToList(line).get(4)) * 1e3;
  }
}
