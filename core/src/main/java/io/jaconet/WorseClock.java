package io.jaconet;

import io.jaconet.event.EventLoop;
import java.time.Duration;
import java.time.Instant;

/**
 * Time as the worse of two clocks tells it: the monotonic one stands still while the machine is suspended, the wall clock may be set back.
 * Between two looks the one that went further is believed, so that it takes both in the same moment to be deceived.
 *
 * <p>Confined to the network's event loop, and to be looked at every second or so.
 */
final class WorseClock {
  private final EventLoop loop;
  private long lastNanos;
  private Instant lastWall;
  private long nanos;

  WorseClock(EventLoop loop) {
    this.loop = loop;
    lastNanos = loop.nanoTime();
    lastWall = loop.now();
  }

  /** Returns the nanoseconds since an arbitrary moment; never runs backwards, and rather too fast than too slowly. */
  long nanos() {
    long monotonic = loop.nanoTime();
    Instant wall = loop.now();
    long byWall;
    try {
      byWall = Duration.between(lastWall, wall).toNanos();
    } catch (ArithmeticException centuries) {
      byWall = wall.isAfter(lastWall) ? Long.MAX_VALUE / 4 : 0;
    }
    nanos += Math.max(0, Math.max(monotonic - lastNanos, byWall));
    lastNanos = monotonic;
    lastWall = wall;
    return nanos;
  }
}
