package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;

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

  @Override
  public void run(Options options, Hosts hosts, Report report)
      throws IOException, URISyntaxException {
    var with = new Samples();
    var without = new Samples();
    var cost = new Samples();
    untilFirstLine(ChildJvm.commandWithoutLibraries(NoJoin.class));
    for (int round = 0; round < options.rounds(); round++) {
      double empty = untilFirstLine(ChildJvm.commandWithoutLibraries(NoJoin.class));
      var host = hosts.create();
      double joined =
          untilFirstLine(ChildJvm.command(FirstJoin.class, ImmutableList.of(), host.name()));
      hosts.remove(host);
      without.add(empty);
      with.add(joined);
      cost.add(joined - empty);
    }
    report.add("cold", "JVM to joined network", "ms", with);
    report.add("cold", "JVM to empty main", "ms", without);
    report.add("cold", "cost of the network", "ms", cost);
    report.addBar("cost of a network to a JVM that starts", cost.median(), BAR_MILLIS, "ms");
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
