package io.jaconet.testkit.crash;

import java.io.IOException;

/** Where a process that is to be killed waits until somebody looks. */
public final class CrashBarrier {
  static final String REACHED = "crash barrier reached";

  private CrashBarrier() {}

  /**
   * Says on standard output that the process is ready, and waits for a line on standard input, or its end. What comes before is not a
   * crash point: the start of the JVM, and what the scenario takes as given.
   */
  public static void await() throws IOException {
    System.out.println(REACHED);
    System.out.flush();
    for (int c = System.in.read(); c >= 0 && c != '\n'; c = System.in.read()) {
      // The rest of the line.
    }
  }
}
