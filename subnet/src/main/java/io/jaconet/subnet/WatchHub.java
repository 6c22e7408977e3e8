package io.jaconet.subnet;

import com.google.common.collect.ImmutableList;
import io.jaconet.internal.WatcherCalls;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.LeaseStore.Event;
import io.jaconet.spi.LeaseStore.Watcher;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * What happened lately in a store, and who wants to know. Every watch reads the one history at its own pace, so a slow watcher costs nothing
 * but its own place in it. Guarded by the lock of its store, except where a method says otherwise.
 */
final class WatchHub {
  private static final int BATCH = 1024;

  private final Object storeLock;
  private final int limit;
  private final List<Event> history = new ArrayList<>();
  private final Set<Subscription> subscriptions = new LinkedHashSet<>();
  private long lastRevision;

  /**
   * Creates a history that starts at {@code revision}.
   *
   * @param limit how many events are remembered at least
   */
  WatchHub(Object storeLock, long revision, int limit) {
    this.storeLock = storeLock;
    this.lastRevision = revision;
    this.limit = limit;
  }

  /** Adds the event of the revision that follows and wakes the watches. */
  void publish(Event event) {
    history.add(event);
    lastRevision++;
    if (history.size() >= 2 * limit) {
      history.subList(0, history.size() - limit).clear();
    }
    subscriptions.forEach(Subscription::wake);
  }

  /** Forgets all events. */
  void compact() {
    history.clear();
  }

  LeaseStore.Watch subscribe(long revision, Watcher watcher, Executor executor) {
    var subscription = new Subscription(revision, watcher, executor);
    subscriptions.add(subscription);
    subscription.wake();
    return subscription;
  }

  /** Returns the running watches; to be closed without the store's lock. */
  ImmutableList<Subscription> subscriptions() {
    return ImmutableList.copyOf(subscriptions);
  }

  /** A watch. Its watcher is called without the lock of the store. */
  final class Subscription implements LeaseStore.Watch {
    private final Watcher watcher;
    private final Executor executor;
    private final WatcherCalls calls = new WatcherCalls();
    private long seen;
    private boolean scheduled;

    private Subscription(long revision, Watcher watcher, Executor executor) {
      this.seen = revision;
      this.watcher = watcher;
      this.executor = executor;
    }

    private void wake() {
      if (!scheduled && seen != lastRevision) {
        scheduled = true;
        executor.execute(this::deliver);
      }
    }

    private void deliver() {
      ImmutableList<Event> batch;
      synchronized (storeLock) {
        batch = nextBatch();
      }
      if (batch == null) {
        end(() -> watcher.onFailure(
            new IOException("the store does not remember what happened after revision " + seen)));
        return;
      }
      calls.make(() -> watcher.onEvents(batch));
      synchronized (storeLock) {
        scheduled = false;
        if (!calls.haveEnded()) {
          wake();
        }
      }
    }

    private @Nullable ImmutableList<Event> nextBatch() {
      long missing = lastRevision - seen;
      if (missing < 0 || missing > history.size()) {
        return null;
      }
      int from = history.size() - (int) missing;
      var batch =
          ImmutableList.copyOf(history.subList(from, Math.min(from + BATCH, history.size())));
      seen += batch.size();
      return batch;
    }

    private void end(Runnable lastCall) {
      synchronized (storeLock) {
        subscriptions.remove(this);
      }
      calls.make(lastCall);
      calls.end();
    }

    boolean isCalledByThisThread() {
      return calls.isMadeByThisThread();
    }

    /** Ends the watch without waiting for a call that is under way. */
    void stop() {
      calls.end();
      synchronized (storeLock) {
        subscriptions.remove(this);
      }
    }

    /** Ends the watch and waits for a call that is under way, unless that is where it is called from. Takes the store's lock itself. */
    @Override
    public void close() {
      stop();
      calls.endAndWait();
    }
  }
}
