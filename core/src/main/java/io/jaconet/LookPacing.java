package io.jaconet;

import java.time.Duration;

/**
 * How soon to look at what changed in the kernel. A look that mends something is worth its time, and how often an object is mended has a
 * limit of its own, in the backend: it only rests as long as it took, for the loop has other duties. A look that mends nothing is a loss.
 * Such looks may take a hundredth of the time in the long run; what they have not taken of it is saved, up to a second.
 *
 * <p>Confined to the network's event loop, whose {@code nanoTime} is told with each call.
 */
final class LookPacing {
  /** Long enough for the other changes of one command, too short to be missed. */
  private static final Duration GATHERING = Duration.ofMillis(20);

  private static final int SHARE = 100;
  private static final long MOST_SAVED_NANOS = Duration.ofSeconds(1).toNanos();
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);
  private static final long MOST_OWED_NANOS = -LONGEST_WAIT.toNanos() / SHARE;

  private long savedNanos = MOST_SAVED_NANOS;
  private long endNanos;
  private long tookNanos;

  /** Begins with all saved that can be. */
  LookPacing(long nowNanos) {
    endNanos = nowNanos;
  }

  /** Notes a look that began and ended at these moments. */
  void looked(long beganNanos, long endedNanos, boolean mended) {
    savedNanos = saved(beganNanos);
    endNanos = endedNanos;
    tookNanos = endedNanos - beganNanos;
    if (!mended) {
      savedNanos = Math.max(savedNanos - tookNanos, MOST_OWED_NANOS);
    }
  }

  private long saved(long nowNanos) {
    return Math.min(MOST_SAVED_NANOS, savedNanos + (nowNanos - endNanos) / SHARE);
  }

  /** Returns how long to wait before the next look. */
  Duration untilNext(long nowNanos) {
    long rest = endNanos + tookNanos - nowNanos;
    long untilAffordable = -saved(nowNanos) * SHARE;
    var wait = Duration.ofNanos(Math.max(rest, untilAffordable));
    return wait.compareTo(GATHERING) < 0
        ? GATHERING
        : wait.compareTo(LONGEST_WAIT) < 0 ? wait : LONGEST_WAIT;
  }
}
