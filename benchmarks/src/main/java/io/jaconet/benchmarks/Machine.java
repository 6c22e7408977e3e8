package io.jaconet.benchmarks;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** The machine that the figures are of. */
final class Machine {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final Path LOAD = Path.of("/proc/loadavg");

  private Machine() {}

  /** Returns one line for a reader. The load tells whether something else was running. */
  static String describe() throws IOException {
    return hardwareAndSystem() + ", load " + Files.readString(LOAD).split(" ", 2)[0];
  }

  /** Returns what stays the same from run to run. */
  static String hardwareAndSystem() throws IOException {
    return Runtime.getRuntime().availableProcessors() + " processors (" + model() + "), "
        + System.getProperty("os.name") + " " + System.getProperty("os.version") + ", "
        + ManagementFactory.getRuntimeMXBean().getVmName() + " " + Runtime.version();
  }

  private static String model() throws IOException {
    try (var lines = Files.lines(CPU_INFO)) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(System.getProperty("os.arch"));
    }
  }
}
