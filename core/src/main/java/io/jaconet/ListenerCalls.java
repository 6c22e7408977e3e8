package io.jaconet;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.jaconet.event.EventLoop;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls a listener, one call at a time and in order, on an executor. Whoever has something to tell never waits for it: calls that a slow
 * listener is not ready for are kept, but only so many. What comes then is left out until it has caught up, and it is told how much that was.
 *
 * <p>Thread-safe.
 */
final class ListenerCalls {
  private static final Logger log = LoggerFactory.getLogger(ListenerCalls.class);

  /** More than the largest network tells at once, when all its peers come. */
  static final int MOST_WAITING = 1 << 16;

  private static final Duration BETWEEN_COMPLAINTS = Duration.ofMinutes(1);

  private final String network;
  private final NetworkListener listener;
  private final Executor executor;
  private final EventLoop clock;

  @GuardedBy("this")
  private final Queue<Consumer<NetworkListener>> waiting = new ArrayDeque<>();

  @GuardedBy("this")
  private long missed;

  @GuardedBy("this")
  private boolean running;

  /** Of whichever thread makes the calls, one at a time. */
  private long complainedNanos;

  private long failures;

  ListenerCalls(String network, NetworkListener listener, Executor executor, EventLoop clock) {
    this.network = network;
    this.listener = listener;
    this.executor = executor;
    this.clock = clock;
  }

  /** Has {@code call} made once those before it have been. */
  void add(Consumer<NetworkListener> call) {
    if (enqueue(call)) {
      executor.execute(this::run);
    }
  }

  /** Returns whether nobody makes calls yet. */
  private synchronized boolean enqueue(Consumer<NetworkListener> call) {
    if (missed == 0 && waiting.size() < MOST_WAITING) {
      waiting.add(call);
    } else if (missed++ == 0) {
      log.warn(
          "{}: a listener has not come back for {} calls; it will not hear of what happens until it has caught up",
          network,
          waiting.size());
    }
    boolean idle = !running;
    running = true;
    return idle;
  }

  private void run() {
    for (var call = next(); call != null; call = next()) {
      try {
        call.accept(listener);
      } catch (Throwable e) {
        complain(e);
      }
    }
  }

  private synchronized @Nullable Consumer<NetworkListener> next() {
    var call = waiting.poll();
    if (call == null && missed > 0) {
      long count = missed;
      missed = 0;
      return told -> told.onMissed(count);
    }
    running = call != null;
    return call;
  }

  /** A listener that fails always must not fill the disk. */
  private void complain(Throwable failure) {
    long now = clock.nanoTime();
    if (failures++ == 0 || now - complainedNanos > BETWEEN_COMPLAINTS.toNanos()) {
      complainedNanos = now;
      log.warn("{}: a listener failed, for the {}. time", network, failures, failure);
    }
  }
}
