package io.jaconet.subnet.kubernetes;

import com.google.common.collect.ImmutableList;
import io.jaconet.internal.WatcherCalls;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/**
 * A watcher of the leases of one network. While it is busy only the latest change of each lease waits for it, so that it holds up nobody and
 * what waits is never more than there are nodes.
 *
 * <p>Everything but the calls themselves is confined to the lock of the watch.
 */
final class NodeSubscription implements SubnetManager.Watch {
  private final NodeWatch source;
  private final NodeTable table;
  private final SubnetManager.Watcher watcher;
  private final Executor sequential;
  private final Consumer<NodeSubscription> ended;
  private final WatcherCalls calls = new WatcherCalls();
  private final Map<String, LeaseEvent> pending = new LinkedHashMap<>();
  private boolean snapshotDue = true;
  private boolean scheduled;

  NodeSubscription(
      NodeWatch source,
      NodeTable table,
      SubnetManager.Watcher watcher,
      Executor sequential,
      Consumer<NodeSubscription> ended) {
    this.source = source;
    this.table = table;
    this.watcher = watcher;
    this.sequential = sequential;
    this.ended = ended;
  }

  NodeTable table() {
    return table;
  }

  /** Has the watcher told of {@code events}, or of everything if it has not been told anything yet. */
  void add(ImmutableList<LeaseEvent> events) {
    if (!snapshotDue) {
      for (var event : events) {
        var key = key(event);
        pending.remove(key);
        pending.put(key, event);
      }
    }
    if (!scheduled && (snapshotDue || !pending.isEmpty()) && !calls.haveEnded()) {
      scheduled = true;
      sequential.execute(this::deliver);
    }
  }

  /** Returns what an event is about; node names begin otherwise than the keys of subnets do here. */
  private static String key(LeaseEvent event) {
    if (event instanceof LeaseEvent.Put put) {
      return "/" + put.lease().subnets().key();
    }
    if (event instanceof LeaseEvent.Removed removed) {
      return "/" + removed.subnets().key();
    }
    return event instanceof LeaseEvent.Unreadable bad
        ? bad.record().key()
        : ((LeaseEvent.Cleared) event).key();
  }

  private void deliver() {
    Runnable call;
    synchronized (source.lock()) {
      scheduled = false;
      call = snapshotDue ? snapshot() : events();
    }
    calls.make(call);
  }

  private Runnable snapshot() {
    if (!source.isCurrent()) {
      // Once it is, everyone is told.
      return () -> {};
    }
    snapshotDue = false;
    var leases = table.leases();
    var unreadable = table.unreadable();
    return () -> watcher.onSnapshot(leases, unreadable);
  }

  private Runnable events() {
    var events = ImmutableList.copyOf(pending.values());
    pending.clear();
    return () -> watcher.onEvents(events);
  }

  /** Tells the watcher, as its last call, that the watch is over. */
  void fail(IOException cause) {
    sequential.execute(() -> {
      calls.make(() -> watcher.onFailure(cause));
      stop();
    });
  }

  boolean isCalledByThisThread() {
    return calls.isMadeByThisThread();
  }

  /** Ends the watch without waiting for a call that is under way. */
  void stop() {
    calls.end();
    source.remove(this);
    ended.accept(this);
  }

  @Override
  public void close() {
    stop();
    calls.endAndWait();
  }
}
