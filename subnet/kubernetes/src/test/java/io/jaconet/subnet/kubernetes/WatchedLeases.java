package io.jaconet.subnet.kubernetes;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** A watcher that knows what is, by snapshot and events, and waits until that is as a test wants it. Thread-safe. */
final class WatchedLeases implements SubnetManager.Watcher {
  static final Duration LIMIT = Duration.ofSeconds(20);

  private final Map<String, Lease> leases = new TreeMap<>();
  private final Map<String, String> unreadable = new TreeMap<>();
  private final List<LeaseEvent> events = new ArrayList<>();
  private int snapshots;
  private @Nullable IOException failure;

  @Override
  public synchronized void onSnapshot(
      ImmutableList<Lease> listed, ImmutableList<UnreadableRecord> unreadableListed) {
    snapshots++;
    leases.clear();
    unreadable.clear();
    listed.forEach(lease -> leases.put(lease.subnets().toString(), lease));
    unreadableListed.forEach(record -> unreadable.put(record.key(), record.reason()));
    notifyAll();
  }

  @Override
  public synchronized void onEvents(ImmutableList<LeaseEvent> told) {
    events.addAll(told);
    told.forEach(this::apply);
    notifyAll();
  }

  /** Takes an event without being told of it as a watcher. */
  synchronized void apply(LeaseEvent event) {
    if (event instanceof LeaseEvent.Put put) {
      leases.put(put.lease().subnets().toString(), put.lease());
    } else if (event instanceof LeaseEvent.Removed removed) {
      leases.remove(removed.subnets().toString());
    } else if (event instanceof LeaseEvent.Unreadable bad) {
      unreadable.put(bad.record().key(), bad.record().reason());
    } else if (event instanceof LeaseEvent.Cleared cleared) {
      unreadable.remove(cleared.key());
    }
  }

  @Override
  public synchronized void onFailure(IOException cause) {
    failure = cause;
    notifyAll();
  }

  /** Returns how long it took until {@code condition} held, which is asked whenever something was told. */
  synchronized Duration await(BooleanSupplier condition) throws InterruptedException {
    long begin = System.nanoTime();
    long end = begin + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      if (left <= 0) {
        throw new AssertionError("not within " + LIMIT + "; " + this);
      }
      wait(Math.min(left, 10));
    }
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  WatchedLeases awaitSnapshot() throws InterruptedException {
    await(() -> snapshots > 0);
    return this;
  }

  synchronized Map<String, Lease> leases() {
    return new TreeMap<>(leases);
  }

  synchronized Map<String, String> unreadable() {
    return new TreeMap<>(unreadable);
  }

  synchronized ImmutableList<LeaseEvent> events() {
    return ImmutableList.copyOf(events);
  }

  synchronized int snapshots() {
    return snapshots;
  }

  synchronized @Nullable IOException failure() {
    return failure;
  }

  @Override
  public synchronized String toString() {
    return snapshots + " snapshots, " + events.size() + " events, leases " + leases.keySet()
        + ", unreadable " + unreadable + ", failure " + failure;
  }
}
