package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.LeaseStore.Event;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A watcher of a lease store that keeps what it is told until a test takes it. Waits at most 30 seconds. Thread-safe. */
public final class StoreWatchLog implements LeaseStore.Watcher {
  private static final long TIMEOUT_SECONDS = 30;

  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private final BlockingQueue<IOException> failures = new LinkedBlockingQueue<>();

  /** Creates an empty log. */
  public StoreWatchLog() {}

  @Override
  public void onEvents(ImmutableList<Event> batch) {
    events.addAll(batch);
  }

  @Override
  public void onFailure(IOException cause) {
    failures.add(cause);
  }

  /** Takes the next event, waiting for it. */
  public Event next() throws InterruptedException {
    var event = events.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(event, "no event within " + TIMEOUT_SECONDS + " s; failures: " + failures);
    return event;
  }

  /** Takes the next event, waiting for it; returns null if the watch fails first. */
  public @Nullable Event nextUnlessFailed() throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
    while (System.nanoTime() < deadline) {
      var event = events.poll(50, TimeUnit.MILLISECONDS);
      if (event != null || !failures.isEmpty()) {
        return event;
      }
    }
    throw new AssertionError("neither an event nor a failure within " + TIMEOUT_SECONDS + " s");
  }

  /** Takes the failure that ended the watch, waiting for it. */
  public IOException failure() throws InterruptedException {
    var failure = failures.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(failure, "no failure within " + TIMEOUT_SECONDS + " s; events: " + events);
    return failure;
  }

  /** Returns whether there is nothing that nobody has taken. */
  public boolean isSilent() {
    return events.isEmpty() && failures.isEmpty();
  }

  /** Returns all events up to the one of {@code revision}, waiting for it. */
  List<Event> upTo(long revision) throws InterruptedException {
    var seen = new ArrayList<Event>();
    long last;
    do {
      var event = next();
      last = revision(event);
      seen.add(event);
    } while (last < revision);
    assertTrue(last == revision, "the event of revision " + revision + " is missing; got " + seen);
    return seen;
  }

  /** Returns how many events are there that nobody has taken. */
  int pending() {
    return events.size();
  }

  static long revision(Event event) {
    return event instanceof Event.Put put
        ? put.entry().revision()
        : ((Event.Deleted) event).revision();
  }

  static String key(Event event) {
    return event instanceof Event.Put put ? put.entry().key() : ((Event.Deleted) event).key();
  }
}
