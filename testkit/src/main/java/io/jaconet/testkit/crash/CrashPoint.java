package io.jaconet.testkit.crash;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.regex.Pattern;

/**
 * A system call at which a process is killed, before the kernel has done anything of it. Calls are counted from the
 * {@link CrashBarrier}, and per thread, as strace counts them: the point {@code fsync:3:1} is the third {@code fsync} of whichever thread
 * is the first to make three, {@code fsync:3:2} that of the second thread to do so. So every call that a run makes is one point, and a
 * point means nearly the same in another run although its threads overtake each other in other ways.
 *
 * @param call the name of the system call
 * @param count the how many-th of its thread, from 1
 * @param thread the how many-th thread to come so far, from 1
 */
public record CrashPoint(String call, int count, int thread) {
  private static final Pattern CALL = Pattern.compile("[a-z][a-z0-9_]*");

  /** Checks the values. */
  public CrashPoint {
    checkArgument(CALL.matcher(call).matches(), "'%s' is not the name of a system call", call);
    checkArgument(count >= 1 && thread >= 1, "counts are from 1: %s, %s", count, thread);
  }

  /**
   * Reads what {@link #toString} returns.
   *
   * @throws IllegalArgumentException if it is something else
   */
  public static CrashPoint parse(String text) {
    var fields = text.split(":", -1);
    checkArgument(fields.length == 3, "'%s' is not of the form fsync:3:1", text);
    return new CrashPoint(fields[0], Integer.parseInt(fields[1]), Integer.parseInt(fields[2]));
  }

  @Override
  public String toString() {
    return call + ":" + count + ":" + thread;
  }
}
