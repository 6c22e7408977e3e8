package io.jaconet.udp;

import java.util.function.LongSupplier;

/** Lets through so many a second on average, and a second's worth at once. Confined to one thread. */
final class RateLimit {
  private static final long SECOND_NANOS = 1_000_000_000L;

  private final LongSupplier nanoTime;
  private final long intervalNanos;
  private long credit = SECOND_NANOS;
  private long last;

  RateLimit(int perSecond, LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.intervalNanos = SECOND_NANOS / perSecond;
    this.last = nanoTime.getAsLong();
  }

  boolean allows() {
    long now = nanoTime.getAsLong();
    credit = Math.min(SECOND_NANOS, credit + Math.min(SECOND_NANOS, now - last));
    last = now;
    if (credit < intervalNanos) {
      return false;
    }
    credit -= intervalNanos;
    return true;
  }
}
