package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** A watcher of leases that knows what is, by snapshot and events; the test takes what it was told one by one. */
final class LeaseWatchLog implements SubnetManager.Watcher {
  private static final long TIMEOUT_SECONDS = 30;

  private final BlockingQueue<Runnable> told = new LinkedBlockingQueue<>();
  private final Map<String, Lease> leases = new TreeMap<>();
  private final Map<String, UnreadableRecord> unreadable = new TreeMap<>();
  private int snapshots;
  private int removals;
  private int unreadableEvents;

  @Override
  public void onSnapshot(
      ImmutableList<Lease> listed, ImmutableList<UnreadableRecord> unreadableListed) {
    told.add(() -> {
      snapshots++;
      leases.clear();
      unreadable.clear();
      listed.forEach(lease -> leases.put(lease.subnets().key(), lease));
      unreadableListed.forEach(record -> unreadable.put(record.key(), record));
    });
  }

  @Override
  public void onEvents(ImmutableList<LeaseEvent> events) {
    events.forEach(event -> told.add(() -> apply(event)));
  }

  @Override
  public void onFailure(IOException cause) {
    told.add(() -> {
      throw new AssertionError("the watch failed", cause);
    });
  }

  private void apply(LeaseEvent event) {
    assertTrue(snapshots > 0, () -> event + " came before the snapshot");
    if (event instanceof LeaseEvent.Put put) {
      leases.put(put.lease().subnets().key(), put.lease());
      unreadable.remove(put.lease().subnets().key());
    } else if (event instanceof LeaseEvent.Removed removed) {
      removals++;
      leases.remove(removed.subnets().key());
      unreadable.remove(removed.subnets().key());
    } else if (event instanceof LeaseEvent.Unreadable bad) {
      unreadableEvents++;
      leases.remove(bad.record().key());
      unreadable.put(bad.record().key(), bad.record());
    } else if (event instanceof LeaseEvent.Cleared cleared) {
      unreadable.remove(cleared.key());
    }
  }

  /** Takes what was told until {@code condition} holds. */
  void until(BooleanSupplier condition) throws InterruptedException {
    while (!condition.getAsBoolean()) {
      var next = told.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
      assertNotNull(
          next,
          () -> "nothing more within " + TIMEOUT_SECONDS + " s; known are " + leases.keySet()
              + " and " + unreadable);
      next.run();
    }
  }

  void untilSnapshot() throws InterruptedException {
    until(() -> snapshots > 0);
  }

  /** Takes what was told until {@code lease} is known as it is. */
  void untilKnown(Lease lease) throws InterruptedException {
    until(() -> lease.equals(leases.get(lease.subnets().key())));
  }

  Map<String, Lease> leases() {
    return leases;
  }

  Map<String, UnreadableRecord> unreadable() {
    return unreadable;
  }

  int removals() {
    return removals;
  }

  int unreadableEvents() {
    return unreadableEvents;
  }

  /** Returns how much was told that the test has not taken. */
  int pending() {
    return told.size();
  }
}
