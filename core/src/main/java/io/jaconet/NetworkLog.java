package io.jaconet;

import io.jaconet.event.EventLoop;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * What a network says in the log: a line for each thing that happens, but only so many in a minute. What happens again and again must not
 * fill the disk as well.
 *
 * <p>Confined to the network's event loop.
 */
final class NetworkLog {
  private static final Logger log = LoggerFactory.getLogger(NetworkLog.class);
  private static final int LINES = 10;
  private static final Duration WINDOW = Duration.ofMinutes(1);

  private final EventLoop loop;
  private final String network;

  /** When the last lines were said, the oldest first. */
  private final Queue<Long> saidNanos = new ArrayDeque<>();

  private int unsaid;

  NetworkLog(EventLoop loop, String network) {
    this.loop = loop;
    this.network = network;
  }

  /** Says {@code line}, with the network's name before it, unless too much was said within the last minute. */
  void say(Level level, String line) {
    long now = loop.nanoTime();
    var oldest = saidNanos.peek();
    if (oldest != null && saidNanos.size() == LINES) {
      if (now - oldest <= WINDOW.toNanos()) {
        unsaid++;
        return;
      }
      saidNanos.remove();
    }
    saidNanos.add(now);
    String more = unsaid == 0 ? "" : " (" + unsaid + " lines before this were left out)";
    unsaid = 0;
    log.atLevel(level).log("{}: {}{}", network, line, more);
  }
}
