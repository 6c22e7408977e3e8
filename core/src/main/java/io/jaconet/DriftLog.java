package io.jaconet;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.EventLoop;
import java.time.Duration;
import org.slf4j.event.Level;

/**
 * Says in the log what was mended, a line for each occasion but only a few in a minute: whoever breaks things all the time must not fill
 * the disk as well.
 *
 * <p>Confined to the network's event loop.
 */
final class DriftLog {
  private static final int LINES = 5;
  private static final Duration WINDOW = Duration.ofMinutes(1);

  private final EventLoop loop;
  private final NetworkLog log;
  private long windowNanos;
  private int lines;
  private int unsaid;

  DriftLog(EventLoop loop, NetworkLog log) {
    this.loop = loop;
    this.log = log;
    this.windowNanos = loop.nanoTime();
  }

  /** Takes note of what was mended on one occasion, at least one thing. */
  void mended(ImmutableList<Drift> drifts) {
    if (loop.nanoTime() - windowNanos > WINDOW.toNanos()) {
      if (unsaid > 0) {
        log.say(Level.INFO, "mended " + unsaid + " more things meanwhile");
      }
      windowNanos = loop.nanoTime();
      lines = 0;
      unsaid = 0;
    }
    if (++lines > LINES) {
      unsaid += drifts.size();
      return;
    }
    var first = drifts.get(0);
    log.say(
        Level.INFO,
        "mended " + first.object()
            + (drifts.size() == 1 ? "" : " and " + (drifts.size() - 1) + " more things")
            + " within " + first.took().toMillis() + " ms: found " + words(first.found())
            + " instead of " + words(first.expected()));
  }

  private static String words(String description) {
    return description.isEmpty() ? "nothing" : "'" + description + "'";
  }
}
