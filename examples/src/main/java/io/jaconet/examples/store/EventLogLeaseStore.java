package io.jaconet.examples.store;

import com.google.common.collect.ImmutableList;
import com.google.common.util.concurrent.MoreExecutors;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A lease store of one's own. This one is a log of all that ever happened, and forgets nothing; a revision is a position in it. */
public final class EventLogLeaseStore implements LeaseStore {
  private final List<Event> log = new ArrayList<>();
  private final TreeMap<String, Entry> records = new TreeMap<>();
  private final List<LogWatch> watches = new ArrayList<>();
  private boolean closed;

  /** Creates an empty store. */
  public EventLogLeaseStore() {}

  @Override
  public synchronized Snapshot list() throws IOException {
    check(!closed, new IOException("the store is closed"));
    return new Snapshot(log.size(), ImmutableList.copyOf(records.values()));
  }

  @Override
  public synchronized Entry create(
      Subnets subnets, String value, String holder, @Nullable Duration ttl) throws IOException {
    for (var taken : list().entries()) {
      var prefixes = Subnets.parseKey(taken.key()).prefixes();
      boolean free = Collections.disjoint(prefixes, subnets.prefixes());
      check(free, new ConflictException(taken.key() + " is taken"));
    }
    return put(new Entry(subnets.key(), value, holder, log.size() + 1, log.size() + 1, ttl));
  }

  @Override
  public synchronized Entry update(
      Entry expected, String value, String holder, @Nullable Duration ttl) throws IOException {
    check(isCurrent(expected), new ConflictException(expected.key() + " has changed or is gone"));
    return put(new Entry(expected.key(), value, holder, expected.created(), log.size() + 1, ttl));
  }

  @Override
  public synchronized void delete(Entry expected) throws IOException {
    boolean fresh = isCurrent(expected) || !records.containsKey(expected.key());
    check(fresh, new ConflictException(expected.key() + " has changed"));
    remove(expected);
  }

  private boolean isCurrent(Entry expected) throws IOException {
    return list().entries().stream().anyMatch(entry -> entry.revision() == expected.revision());
  }

  private Entry put(Entry entry) {
    records.put(entry.key(), entry);
    append(new Event.Put(entry));
    if (entry.timeToLive() != null) {
      CompletableFuture.delayedExecutor(entry.timeToLive().toNanos(), TimeUnit.NANOSECONDS)
          .execute(() -> remove(entry));
    }
    return entry;
  }

  private synchronized void remove(Entry entry) {
    var current = records.get(entry.key());
    if (!closed && current != null && current.revision() == entry.revision()) {
      records.remove(entry.key());
      append(new Event.Deleted(entry.key(), log.size() + 1));
    }
  }

  private void append(Event event) {
    log.add(event);
    watches.forEach(watch -> watch.tell(ImmutableList.of(event)));
  }

  @Override
  public synchronized Watch watch(long revision, Watcher watcher) throws IOException {
    check(
        list().revision() >= revision,
        new IOException("revision " + revision + " is of another store"));
    var watch = new LogWatch(watcher);
    watches.add(watch);
    watch.tell(ImmutableList.copyOf(log.subList((int) revision, log.size())));
    return watch;
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    watches.forEach(LogWatch::close);
  }

  private static void check(boolean condition, IOException otherwise) throws IOException {
    if (!condition) {
      throw otherwise;
    }
  }

  /** Calls its watcher in order, on a thread of its own, and never with the store locked: the watcher may call the store. */
  private static final class LogWatch implements Watch {
    private final Executor inOrder = MoreExecutors.newSequentialExecutor(ForkJoinPool.commonPool());
    private final Watcher watcher;
    private boolean ended;

    LogWatch(Watcher watcher) {
      this.watcher = watcher;
    }

    void tell(ImmutableList<Event> events) {
      inOrder.execute(() -> call(events));
    }

    private synchronized void call(ImmutableList<Event> events) {
      if (!ended && !events.isEmpty()) {
        watcher.onEvents(events);
      }
    }

    @Override
    public synchronized void close() {
      ended = true;
    }
  }
}
