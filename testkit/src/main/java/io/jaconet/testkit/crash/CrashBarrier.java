package io.jaconet.testkit.crash;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;

/** Where a process that is to be killed waits until somebody looks. */
public final class CrashBarrier {
  static final String REACHED = "crash barrier reached";

  private CrashBarrier() {}

  /**
   * Says that the process is ready, and waits for a line or the end of {@code input}. What comes before is not a crash point: the start of
   * the JVM, and what the scenario takes as given.
   *
   * @param input the standard input of the process
   * @param output its standard output
   */
  public static void await(InputStream input, PrintStream output) throws IOException {
    output.println(REACHED);
    output.flush();
    for (int c = input.read(); c >= 0 && c != '\n'; c = input.read()) {
      // The rest of the line.
    }
  }
}
