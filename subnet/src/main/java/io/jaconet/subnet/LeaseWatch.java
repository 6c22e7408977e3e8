package io.jaconet.subnet;

import com.google.common.collect.ImmutableList;
import io.jaconet.internal.WatcherCalls;
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

/**
 * A watch of a store, told as leases. When the store's watch breaks it lists and watches anew by itself, unless nothing came of the last
 * time it did so.
 */
final class LeaseWatch implements SubnetManager.Watch {
  private final LeaseStore store;
  private final SubnetManager.Watcher watcher;
  private final Executor executor;
  private final Consumer<LeaseWatch> ended;

  /** The store is never called from one. */
  private final WatcherCalls calls = new WatcherCalls();

  private final Object state = new Object();
  private LeaseStore.@Nullable Watch storeWatch;

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
    if (calls.haveEnded()) {
      return;
    }
    try {
      var snapshot = store.list();
      deliver(snapshot);
      var watch = store.watch(snapshot.revision(), new StoreWatcher());
      boolean late;
      synchronized (state) {
        late = calls.haveEnded();
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
    calls.make(() -> watcher.onSnapshot(leases.build(), unreadable.build()));
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
    calls.make(() -> watcher.onFailure(cause));
    stop();
  }

  boolean isCalledByThisThread() {
    return calls.isMadeByThisThread();
  }

  /** Ends the watch without waiting for a call that is under way. */
  void stop() {
    LeaseStore.@Nullable Watch running;
    synchronized (state) {
      calls.end();
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
    calls.endAndWait();
  }

  private final class StoreWatcher implements LeaseStore.Watcher {
    @Override
    public void onEvents(ImmutableList<LeaseStore.Event> events) {
      startedOver = false;
      var changes =
          ImmutableList.copyOf(events.stream().map(LeaseWatch::translate).toList());
      calls.make(() -> watcher.onEvents(changes));
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
