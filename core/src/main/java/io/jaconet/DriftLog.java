package io.jaconet;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.EventLoop;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says in the log what was mended, a line for each occasion but only a few in a minute: whoever breaks things all the time must not fill
 * the disk as well.
 *
 * <p>Confined to the network's event loop.
 */
final class DriftLog {
  private static final Logger log = LoggerFactory.getLogger(DriftLog.class);
  private static final int LINES = 5;
  private static final Duration WINDOW = Duration.ofMinutes(1);

  private final EventLoop loop;
  private final String network;
  private long windowNanos;
  private int lines;
  private int unsaid;

  DriftLog(EventLoop loop, String network) {
    this.loop = loop;
    this.network = network;
    this.windowNanos = loop.nanoTime();
  }

  /** Takes note of what was mended on one occasion, at least one thing. */
  void mended(ImmutableList<Drift> drifts) {
    if (loop.nanoTime() - windowNanos > WINDOW.toNanos()) {
      if (unsaid > 0) {
        log.info("{}: mended {} more things meanwhile", network, unsaid);
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
    log.info(
        "{}: mended {}{} within {} ms: found {} instead of {}",
        network,
        first.object(),
        drifts.size() == 1 ? "" : " and " + (drifts.size() - 1) + " more things",
        first.took().toMillis(),
        words(first.found()),
        words(first.expected()));
  }

  private static String words(String description) {
    return description.isEmpty() ? "nothing" : "'" + description + "'";
  }
}
