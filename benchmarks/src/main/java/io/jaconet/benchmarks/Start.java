package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** What it costs a JVM that starts to join a network as well. */
final class Start implements Benchmark {
  private static final double BAR_MILLIS = 400;

  @Override
  public String name() {
    return "start";
  }

  @Override
  public String purpose() {
    return "from the start of a JVM to a joined network with the in-memory store, less what an empty main takes";
  }

  /** How a JVM finds its classes. */
  private record Way(String name, ImmutableList<String> jvmOptions, Samples with, Samples cost) {
    Way(String name, String... jvmOptions) {
      this(name, ImmutableList.copyOf(jvmOptions), new Samples(), new Samples());
    }
  }

  @Override
  public void run(Options options, Hosts hosts, Report report)
      throws IOException, URISyntaxException {
    Path archive = Files.createTempFile("jbench", ".jsa");
    try {
      // The archive is what -XX:ArchiveClassesAtExit writes once, when an application is installed.
      join(new Way("archiving", "-XX:ArchiveClassesAtExit=" + archive, "-Xlog:cds=off"), hosts);
      var ways = ImmutableList.of(
          new Way("class path"),
          new Way("class-data sharing", "-XX:SharedArchiveFile=" + archive, "-Xshare:auto"));
      measure(ways, options, hosts, report);
    } finally {
      Files.deleteIfExists(archive);
    }
  }

  private static void measure(ImmutableList<Way> ways, Options options, Hosts hosts, Report report)
      throws IOException, URISyntaxException {
    var without = new Samples();
    untilFirstLine(ChildJvm.commandWithoutLibraries(NoJoin.class));
    for (int round = 0; round < options.rounds().orElse(Options.ROUNDS); round++) {
      double empty = untilFirstLine(ChildJvm.commandWithoutLibraries(NoJoin.class));
      without.add(empty);
      for (Way way : ways) {
        double joined = join(way, hosts);
        way.with.add(joined);
        way.cost.add(joined - empty);
      }
    }
    report.add("cold", "JVM to empty main", "ms", without);
    for (Way way : ways) {
      report.add("cold", "JVM to joined network, " + way.name, "ms", way.with);
      report.add("cold", "cost of the network, " + way.name, "ms", way.cost);
      report.addBar(
          "cost of a network to a JVM that starts, " + way.name,
          way.cost.median(),
          BAR_MILLIS,
          "ms");
    }
  }

  private static double join(Way way, Hosts hosts) throws IOException {
    var host = hosts.create();
    try {
      return untilFirstLine(
          ChildJvm.commandOnClassPath(FirstJoin.class, way.jvmOptions, host.name()));
    } finally {
      hosts.remove(host);
    }
  }

  /** Returns the milliseconds from the start of {@code command} to the first line it prints. */
  private static double untilFirstLine(ImmutableList<String> command) throws IOException {
    long before = System.nanoTime();
    var process = new ProcessBuilder(command)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
    try (var output = new BufferedReader(
        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      var line = output.readLine();
      double millis = (System.nanoTime() - before) / 1e6;
      if (line == null) {
        throw new IOException("a JVM with the arguments "
            + command.subList(command.size() - 2, command.size()) + " printed nothing");
      }
      process.onExit().join();
      return millis;
    }
  }
}
