package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A thread that gathers what changes in a network namespace until somebody looks. Thread-safe.
 *
 * <p>If the thread fails, {@link #isAlive} says so; what changes then is not noticed any more.
 */
public final class KernelWatch implements Closeable {
  private static final Logger log = LoggerFactory.getLogger(KernelWatch.class);

  /** Beyond this it is cheaper to read the kernel's tables than to look at each change. */
  private static final int MANY_EVENTS = 50_000;

  private static final long PATIENCE_MILLIS = 1_000;

  private final NetlinkEvents events;
  private final Predicate<NetlinkEvent> concerns;
  private final Runnable due;
  private final Thread thread;
  private volatile boolean closed;

  @GuardedBy("this")
  private List<NetlinkEvent> gathered = new ArrayList<>();

  private KernelWatch(
      NetlinkEvents events, String name, Predicate<NetlinkEvent> concerns, Runnable due) {
    this.events = events;
    this.concerns = concerns;
    this.due = due;
    this.thread = new Thread(this::run, name);
    thread.setDaemon(true);
  }

  /**
   * Begins to watch; what changes after this has returned is noticed.
   *
   * @param name the thread's
   * @param concerns whether a change may matter, asked on the thread; a loss always does
   * @param due is called on the thread when there is something to {@link #drain}, once until it is drained
   */
  public static KernelWatch begin(
      NetworkNamespace namespace, String name, Predicate<NetlinkEvent> concerns, Runnable due)
      throws IOException {
    var watch = new KernelWatch(namespace.call(NetlinkEvents::open), name, concerns, due);
    watch.thread.start();
    return watch;
  }

  private void run() {
    try {
      events.run(this::gather);
    } catch (IOException | RuntimeException | Error e) {
      // Nobody waits for this thread: what it died of would be lost, and the changes after it.
      log.error("changes in the kernel are not noticed any more, until the next audit", e);
    }
  }

  private void gather(NetlinkEvent event) {
    boolean lost = event instanceof NetlinkEvent.Lost;
    if (closed || !lost && !concerns.test(event)) {
      return;
    }
    boolean first;
    synchronized (this) {
      first = gathered.isEmpty();
      if (gathered.size() == MANY_EVENTS) {
        gathered = new ArrayList<>(List.of(new NetlinkEvent.Lost("too many changes")));
      } else {
        gathered.add(event);
      }
    }
    if (first) {
      due.run();
    }
  }

  /** Returns what changed since the last call, in order. */
  public synchronized ImmutableList<NetlinkEvent> drain() {
    var drained = ImmutableList.copyOf(gathered);
    gathered = new ArrayList<>();
    return drained;
  }

  /** Returns whether changes are noticed. */
  public boolean isAlive() {
    return thread.isAlive();
  }

  /** Ends the watch; {@code due} is not called any more once this has returned, unless it was under way for a second. Idempotent. */
  @Override
  public void close() throws IOException {
    closed = true;
    events.close();
    if (Thread.currentThread() == thread) {
      return;
    }
    try {
      thread.join(PATIENCE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
