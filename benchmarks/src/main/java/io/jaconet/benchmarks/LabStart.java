package io.jaconet.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How long a newcomer waits for the first overlay. */
final class LabStart implements Benchmark {
  private static final Path LAUNCHER = Path.of("jaconet");
  private static final double BAR_MILLIS = 10_000;

  @Override
  public String name() {
    return "lab";
  }

  @Override
  public String purpose() {
    return "./jaconet lab, three hosts, from the command to its end, at which all reach each other";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws IOException {
    if (!Files.isExecutable(LAUNCHER)) {
      throw new IllegalStateException("there is no ./jaconet in " + Path.of("").toAbsolutePath());
    }
    var lab = LAUNCHER.toAbsolutePath().toString();
    Commands.output(lab, "lab");
    var millis = new Samples();
    for (int round = 0; round < options.rounds().orElse(Options.ROUNDS); round++) {
      long before = System.nanoTime();
      Commands.output(lab, "lab");
      millis.add((System.nanoTime() - before) / 1e6);
    }
    report.add("3 hosts", "command to all-green and cleaned up", "ms", millis);
    report.addBar("a lab of three hosts", millis.median(), BAR_MILLIS, "ms");
  }
}
