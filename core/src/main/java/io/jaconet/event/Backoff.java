package io.jaconet.event;

import static com.google.common.base.Preconditions.checkArgument;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * The waits between attempts: each twice the one before up to a limit, made shorter at random by up to half so that many hosts do not
 * come back at one moment. Confined to its owner's thread.
 */
public final class Backoff {
  private final Duration first;
  private final Duration limit;
  private final RandomGenerator random;
  private Duration next;

  /** Creates a backoff that starts at {@code first} and never exceeds {@code limit}. */
  public Backoff(Duration first, Duration limit, RandomGenerator random) {
    checkArgument(
        !first.isNegative() && !first.isZero(), "the first wait is not positive: %s", first);
    checkArgument(
        first.compareTo(limit) <= 0, "the first wait %s exceeds the limit %s", first, limit);
    this.first = first;
    this.limit = limit;
    this.random = random;
    this.next = first;
  }

  /** Returns how long to wait before the next attempt. */
  public Duration next() {
    Duration wait = next;
    Duration doubled = next.multipliedBy(2);
    next = doubled.compareTo(limit) < 0 ? doubled : limit;
    return wait.minusNanos(random.nextLong(wait.toNanos() / 2 + 1));
  }

  /** Starts over, after a success. */
  public void reset() {
    next = first;
  }
}
