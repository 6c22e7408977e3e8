package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What Java does with each packet, without system calls, measured by JMH. What is measured is private to its packages, so the measuring
 * classes are in the same ones and run in a JVM of their own on the class path.
 */
final class Micro implements Benchmark {
  private static final int FORKS = 2;
  private static final int PACKET_BYTES = 1472;

  /** The packet's length for each benchmark; 0 where that does not matter. */
  private static final ImmutableMap<String, Integer> BYTES = ImmutableMap.of(
      "checksum", PACKET_BYTES,
      "segmentation", PACKET_BYTES,
      "merge", PACKET_BYTES,
      "lookupV4", 0,
      "lookupV6", 0);

  @Override
  public String name() {
    return "micro";
  }

  @Override
  public String purpose() {
    return "what the data path does with a packet in Java: checksum, segmentation, merge, look-up among 20,000 peers";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report)
      throws IOException, URISyntaxException {
    Path results = Files.createTempFile("jbench", ".json");
    try {
      System.out.print(
          Commands.output(command(options.rounds().orElse(FORKS), results)).indent(2));
      JsonParser.parseString(Files.readString(results))
          .getAsJsonArray()
          .forEach(result -> add(result.getAsJsonObject(), report));
    } finally {
      Files.deleteIfExists(results);
    }
  }

  /** Warms up for two seconds and measures for three, in each of {@code forks} JVMs. */
  private static ImmutableList<String> command(int forks, Path results)
      throws IOException, URISyntaxException {
    Path built =
        Path.of(Micro.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Path classes = built.resolveSibling("micro");
    var classPath = classes + ":" + Files.readString(classes.resolve("classpath"));
    var command = ImmutableList.<String>builder();
    command.add(ChildJvm.java(), "-cp", classPath, "org.openjdk.jmh.Main");
    command.add("-f", Integer.toString(forks), "-wi", "2", "-w", "1", "-i", "3", "-r", "1");
    command.add("-bm", "avgt", "-tu", "ns", "-prof", "gc", "-v", "SILENT", "-foe", "true");
    return command.add("-rf", "json", "-rff", results.toString()).build();
  }

  private static void add(JsonObject result, Report report) {
    var method = result.get("benchmark").getAsString();
    var name = method.substring(method.lastIndexOf('.') + 1);
    int bytes = BYTES.getOrDefault(name, 0);
    var nanos = new Samples();
    var gigabytes = new Samples();
    result
        .getAsJsonObject("primaryMetric")
        .getAsJsonArray("rawData")
        .forEach(fork -> fork.getAsJsonArray().forEach(score -> {
          nanos.add(score.getAsDouble());
          gigabytes.add(bytes / score.getAsDouble());
        }));
    report.add(name, "time", "ns/packet", nanos);
    if (bytes > 0) {
      report.add(name, "throughput", "GB/s", gigabytes);
    }
    double allocated = Math.rint(result
        .getAsJsonObject("secondaryMetrics")
        .getAsJsonObject("gc.alloc.rate.norm")
        .get("score")
        .getAsDouble());
    report.add(name, "allocated", "B/packet", allocated);
    report.addBar(name + ", allocated", allocated, 0, "B/packet");
  }
}
