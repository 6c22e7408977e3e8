package io.jaconet.subnet.etcd;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import com.google.common.collect.ImmutableList;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.LeaseStore.Event;
import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A watcher that keeps what it is told until a test takes it. */
final class EventLog implements LeaseStore.Watcher {
  private static final long TIMEOUT_SECONDS = 30;

  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private final BlockingQueue<IOException> failures = new LinkedBlockingQueue<>();

  @Override
  public void onEvents(ImmutableList<Event> batch) {
    events.addAll(batch);
  }

  @Override
  public void onFailure(IOException cause) {
    failures.add(cause);
  }

  Event next() throws InterruptedException {
    var event = events.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(event, () -> "no event; failures: " + failures);
    return event;
  }

  /** Returns the next event, or null if the watch fails first. */
  @Nullable
  Event nextOrNull() throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
    while (System.nanoTime() < deadline) {
      var event = events.poll(50, TimeUnit.MILLISECONDS);
      if (event != null || !failures.isEmpty()) {
        return event;
      }
    }
    throw new AssertionError("neither an event nor a failure");
  }

  IOException failure() throws InterruptedException {
    var failure = failures.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(failure, () -> "no failure; events: " + events);
    return failure;
  }

  boolean isSilent() {
    return events.isEmpty() && failures.isEmpty();
  }
}
