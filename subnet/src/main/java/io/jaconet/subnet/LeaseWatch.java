package io.jaconet.subnet;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A watch of a store, told as leases. When the store's watch breaks it lists and watches anew by itself, unless nothing came of the last
 * time it did so.
 */
final class LeaseWatch implements SubnetManager.Watch {
  private static final Logger log = LoggerFactory.getLogger(LeaseWatch.class);

  private final LeaseStore store;
  private final SubnetManager.Watcher watcher;
  private final Executor executor;
  private final Consumer<LeaseWatch> ended;

  /** Held while the watcher is called, and never while the store is. */
  private final Object delivery = new Object();

  private final Object state = new Object();
  private LeaseStore.@Nullable Watch storeWatch;
  private volatile boolean closed;

  /** Whether the watch has started over and has seen no event since; the store's calls come one after the other. */
  private boolean startedOver;

  LeaseWatch(
      LeaseStore store,
      SubnetManager.Watcher watcher,
      Executor executor,
      Consumer<LeaseWatch> ended) {
    this.store = store;
    this.watcher = watcher;
    this.executor = executor;
    this.ended = ended;
  }

  void start() {
    executor.execute(this::listAndWatch);
  }

  private void listAndWatch() {
    if (closed) {
      return;
    }
    try {
      var snapshot = store.list();
      deliver(snapshot);
      var watch = store.watch(snapshot.revision(), new StoreWatcher());
      boolean late;
      synchronized (state) {
        late = closed;
        storeWatch = late ? null : watch;
      }
      if (late) {
        watch.close();
      }
    } catch (IOException e) {
      fail(e);
    } catch (RuntimeException thrownByStore) {
      fail(new IOException("the lease store threw", thrownByStore));
    }
  }

  private void deliver(LeaseStore.Snapshot snapshot) {
    var leases = ImmutableList.<Lease>builder();
    var unreadable = ImmutableList.<UnreadableRecord>builder();
    for (var entry : snapshot.entries()) {
      var record = LeaseRecord.of(entry);
      if (record.lease() != null) {
        leases.add(record.lease());
      } else {
        unreadable.add(record.unreadable());
      }
    }
    callWatcher(() -> watcher.onSnapshot(leases.build(), unreadable.build()));
  }

  private static LeaseEvent translate(LeaseStore.Event event) {
    if (event instanceof LeaseStore.Event.Put put) {
      var record = LeaseRecord.of(put.entry());
      return record.lease() != null
          ? new LeaseEvent.Put(record.lease())
          : new LeaseEvent.Unreadable(record.unreadable());
    }
    var key = ((LeaseStore.Event.Deleted) event).key();
    try {
      return new LeaseEvent.Removed(Subnets.parseKey(key));
    } catch (IllegalArgumentException noSubnetKey) {
      return new LeaseEvent.Cleared(key);
    }
  }

  private void fail(IOException cause) {
    callWatcher(() -> watcher.onFailure(cause));
    stop();
  }

  private void callWatcher(Runnable call) {
    synchronized (delivery) {
      if (closed) {
        return;
      }
      try {
        call.run();
      } catch (RuntimeException | Error thrown) {
        log.error("A watcher of leases threw; its watch goes on", thrown);
      }
    }
  }

  boolean isCalledByThisThread() {
    return Thread.holdsLock(delivery);
  }

  /** Ends the watch without waiting for a call that is under way. */
  void stop() {
    LeaseStore.@Nullable Watch running;
    synchronized (state) {
      closed = true;
      running = storeWatch;
      storeWatch = null;
    }
    if (running != null) {
      running.close();
    }
    ended.accept(this);
  }

  @Override
  public void close() {
    stop();
    synchronized (delivery) {
      closed = true;
    }
  }

  private final class StoreWatcher implements LeaseStore.Watcher {
    @Override
    public void onEvents(ImmutableList<LeaseStore.Event> events) {
      startedOver = false;
      var changes =
          ImmutableList.copyOf(events.stream().map(LeaseWatch::translate).toList());
      callWatcher(() -> watcher.onEvents(changes));
    }

    @Override
    public void onFailure(IOException cause) {
      if (startedOver) {
        fail(cause);
      } else {
        startedOver = true;
        executor.execute(LeaseWatch.this::listAndWatch);
      }
    }
  }
}
