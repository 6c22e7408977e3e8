package io.jaconet.udp;

import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * Lets packets that come fast gather for a moment, as a network card moderates its interrupts. A thread that is woken for each packet of
 * a flood takes the processor from who sends it, reads one packet, and sends it alone; after a pause it reads as many as fit into one
 * system call. Packets that come slower than {@link #BUSY_GAP_NANOS} are never held up. Confined to one thread.
 */
final class Moderation {
  /** A flood of pings has 50 us and more from packet to packet, one of small datagrams less than 10. */
  static final long BUSY_GAP_NANOS = 20_000;

  /** Linux adds its timer slack of 50 us; the queue of a TUN device holds the packets of 3 Mpps for so long. */
  static final long PAUSE_NANOS = 100_000;

  private static final int SMOOTHING = 8;
  private static final long LONG_GAP_NANOS = 1_000_000;

  private final LongSupplier nanoTime;
  private final LongConsumer pause;
  private long lastNanos;
  private long meanGapNanos = LONG_GAP_NANOS;

  Moderation(LongSupplier nanoTime, LongConsumer pause) {
    this.nanoTime = nanoTime;
    this.pause = pause;
    lastNanos = nanoTime.getAsLong();
  }

  /** Pauses if packets come fast; to be called when all there was has been forwarded, {@code packets} since the last time. */
  void after(int packets) {
    long now = nanoTime.getAsLong();
    if (packets > 0) {
      long gap = Math.min((now - lastNanos) / packets, LONG_GAP_NANOS);
      meanGapNanos += (gap - meanGapNanos) / SMOOTHING;
      lastNanos = now;
    }
    if (meanGapNanos < BUSY_GAP_NANOS) {
      pause.accept(PAUSE_NANOS);
    }
  }
}
