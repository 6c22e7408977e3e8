package io.jaconet;

import io.jaconet.event.EventLoop;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * What a network says in the log: a line for each thing that happens, but only so many in a minute. What happens again and again must not
 * fill the disk as well. The last line is never left out, only late: it says how things are.
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
  private @Nullable Line late;
  private EventLoop.@Nullable Timer timer;

  private record Line(Level level, String text) {}

  NetworkLog(EventLoop loop, String network) {
    this.loop = loop;
    this.network = network;
  }

  /** Says {@code text}, with the network's name before it; later or never if too much was said within the last minute. */
  void say(Level level, String text) {
    var oldest = saidNanos.peek();
    if (oldest != null && saidNanos.size() == LINES) {
      var wait = WINDOW.minusNanos(loop.nanoTime() - oldest);
      if (!wait.isNegative()) {
        unsaid++;
        late = new Line(level, text);
        if (timer == null) {
          timer = loop.schedule(wait.plusNanos(1), this::catchUp);
        }
        return;
      }
      saidNanos.remove();
    }
    saidNanos.add(loop.nanoTime());
    String more = unsaid == 0 ? "" : " (" + unsaid + " lines before this were left out)";
    unsaid = 0;
    late = null;
    log.atLevel(level).log("{}: {}{}", network, text, more);
  }

  private void catchUp() {
    timer = null;
    var line = late;
    if (line != null) {
      unsaid--;
      say(line.level, line.text);
    }
  }
}
