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
 * A thread that gathers what changes in a network namespace until somebody looks. If it fails, {@link #drain} begins anew. One
 * thread drains; any thread may call {@link #close}.
 */
final class KernelWatch implements Closeable {
  private static final Logger log = LoggerFactory.getLogger(KernelWatch.class);

  /** Beyond this it is cheaper to read the kernel's tables than to look at each change. */
  private static final int MANY_EVENTS = 50_000;

  private static final long PATIENCE_MILLIS = 1_000;

  private final NetworkNamespace namespace;
  private final String name;
  private final Predicate<NetlinkEvent> concerns;
  private final Runnable due;
  private volatile boolean closed;

  @GuardedBy("this")
  private NetlinkEvents events;

  @GuardedBy("this")
  private Thread thread;

  @GuardedBy("this")
  private List<NetlinkEvent> gathered = new ArrayList<>();

  private KernelWatch(
      NetworkNamespace namespace, String name, Predicate<NetlinkEvent> concerns, Runnable due)
      throws IOException {
    this.namespace = namespace;
    this.name = name;
    this.concerns = concerns;
    this.due = due;
    this.events = namespace.call(NetlinkEvents::open);
    this.thread = thread(events);
  }

  /**
   * Begins to watch; what changes after this has returned is noticed. What changed before is not, which {@link #drain} says.
   *
   * @param namespace stays the caller's, and open until this is closed
   * @param name the thread's
   * @param concerns whether a change may matter, asked on the thread and on that which drains; a loss always does
   * @param due is called on the thread when there is something to {@link #drain}, once until it is drained
   */
  public static KernelWatch begin(
      NetworkNamespace namespace, String name, Predicate<NetlinkEvent> concerns, Runnable due)
      throws IOException {
    var watch = new KernelWatch(namespace, name, concerns, due);
    synchronized (watch) {
      watch.thread.start();
    }
    if (watch.gather(new NetlinkEvent.Lost("nobody listened"))) {
      due.run();
    }
    return watch;
  }

  private Thread thread(NetlinkEvents source) {
    var made = new Thread(() -> run(source), name);
    made.setDaemon(true);
    return made;
  }

  private void run(NetlinkEvents source) {
    try {
      source.run(event -> {
        if (gather(event)) {
          due.run();
        }
      });
    } catch (IOException | RuntimeException | Error e) {
      // Nobody waits for this thread: what it died of would be lost.
      log.error("{}: changes in the kernel are not noticed until the next audit", name, e);
    }
  }

  /** Returns whether there was nothing before. */
  private boolean gather(NetlinkEvent event) {
    boolean lost = event instanceof NetlinkEvent.Lost;
    if (closed || !lost && !concerns.test(event)) {
      return false;
    }
    synchronized (this) {
      boolean first = gathered.isEmpty();
      if (gathered.size() < MANY_EVENTS) {
        gathered.add(event);
      } else {
        gathered = new ArrayList<>(List.of(new NetlinkEvent.Lost("too many changes")));
      }
      return first;
    }
  }

  /** Returns everything that was changed since the last call and before this one, in order. */
  public ImmutableList<NetlinkEvent> drain() {
    try {
      // Not under this object's lock, which the other thread takes while it has that of the events.
      source().deliverReady(this::gather);
    } catch (SyscallException e) {
      gather(new NetlinkEvent.Lost(String.valueOf(e.getMessage())));
    }
    return takeGathered();
  }

  private synchronized NetlinkEvents source() {
    if (!closed && !thread.isAlive()) {
      restart();
    }
    return events;
  }

  private synchronized ImmutableList<NetlinkEvent> takeGathered() {
    var drained = ImmutableList.copyOf(gathered);
    gathered = new ArrayList<>();
    return drained;
  }

  @GuardedBy("this")
  private void restart() {
    gathered.add(new NetlinkEvent.Lost("the thread that listened has ended"));
    try {
      events.close();
      events = namespace.call(NetlinkEvents::open);
      thread = thread(events);
      thread.start();
    } catch (IOException e) {
      log.warn("{}: changes in the kernel are noticed only by audits: {}", name, e.getMessage());
    }
  }

  /** Ends the watch; {@code due} is not called any more once this has returned, unless it is under way for a second. Idempotent. */
  @Override
  public void close() throws IOException {
    closed = true;
    NetlinkEvents closing;
    Thread ending;
    synchronized (this) {
      closing = events;
      ending = thread;
    }
    // As in drain().
    closing.close();
    if (Thread.currentThread() == ending) {
      return;
    }
    try {
      ending.join(PATIENCE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
