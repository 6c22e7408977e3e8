package io.jaconet.iptables;

import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.NftablesEvents;
import io.jaconet.linux.SyscallException;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A thread that says when the rules must be looked at: when something of theirs changed, and in intervals. */
final class DriftWatch implements Closeable {
  private static final Logger log = LoggerFactory.getLogger(DriftWatch.class);
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final NftablesEvents events;
  private final Predicate<NftablesEvents.Change> concerns;
  private final Supplier<Duration> interval;
  private final Runnable due;
  private final Thread thread;
  private volatile boolean closed;

  private DriftWatch(
      NftablesEvents events,
      Predicate<NftablesEvents.Change> concerns,
      Supplier<Duration> interval,
      Runnable due) {
    this.events = events;
    this.concerns = concerns;
    this.interval = interval;
    this.due = due;
    this.thread = new Thread(this::run, "jaconet-rules");
    thread.setDaemon(true);
  }

  /** Begins to watch; what changes after this has returned is noticed. */
  static DriftWatch begin(
      NetworkNamespace namespace,
      Predicate<NftablesEvents.Change> concerns,
      Supplier<Duration> interval,
      Runnable due)
      throws IOException {
    var watch = new DriftWatch(namespace.call(NftablesEvents::open), concerns, interval, due);
    watch.thread.start();
    return watch;
  }

  private void run() {
    long last = System.nanoTime();
    try {
      while (events.await(interval.get().minusNanos(System.nanoTime() - last))) {
        boolean late = System.nanoTime() - last >= interval.get().toNanos();
        if ((concerned() || late) && !closed) {
          last = System.nanoTime();
          due.run();
        }
      }
    } catch (SyscallException e) {
      if (!closed) {
        log.error("changes of the packet filter are not noticed any more", e);
      }
    }
  }

  private boolean concerned() throws SyscallException {
    var changes = events.drain();
    return !changes.complete() || changes.known().stream().anyMatch(concerns);
  }

  /** Ends the watch; {@code due} is not called any more once this has returned. Idempotent. */
  @Override
  public void close() throws IOException {
    closed = true;
    events.close();
    if (Thread.currentThread() == thread) {
      return;
    }
    try {
      thread.join(PATIENCE.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
