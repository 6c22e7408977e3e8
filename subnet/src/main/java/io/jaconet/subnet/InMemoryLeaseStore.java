package io.jaconet.subnet;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.EventLoop;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A lease store in the memory of this JVM, shared by the networks that are given it. Reads and writes never block for long: a write takes
 * logarithmic time in the number of records. The events of at least the last 65,536 writes are remembered for watches.
 */
public final class InMemoryLeaseStore implements LeaseStore {
  private static final Logger log = LoggerFactory.getLogger(InMemoryLeaseStore.class);
  private static final int HISTORY = 1 << 16;

  /** A wall clock may step and a machine may sleep, so what falls due is looked at this often at least. */
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);

  private final Object lock = new Object();
  private final RecordTable table;
  private final Journal journal;
  private final StoreClock clock;
  private final WatchHub watches;
  private EventLoop.@Nullable Timer expiry;
  private long expiryNanos;
  private boolean closed;

  /** Creates an empty store that measures time by {@link System#nanoTime} and calls watchers from daemon threads of its own. */
  public InMemoryLeaseStore() {
    this(
        new RecordTable(),
        Journal.none(),
        StoreClock.withThreads(System::nanoTime, "jaconet-leases"));
  }

  /** Creates an empty store that has its time from {@code loop} and calls watchers on it: the store of a simulation in virtual time. */
  public InMemoryLeaseStore(EventLoop loop) {
    this(new RecordTable(), Journal.none(), StoreClock.of(loop));
  }

  /** Creates a store that goes on from {@code table} and writes each change into {@code journal} first. */
  InMemoryLeaseStore(RecordTable table, Journal journal, StoreClock clock) {
    this.table = table;
    this.journal = journal;
    this.clock = clock;
    this.watches = new WatchHub(lock, table.revision(), HISTORY);
    synchronized (lock) {
      scheduleExpiry();
    }
  }

  @Override
  public Snapshot list() throws IOException {
    synchronized (lock) {
      long now = begin();
      var entries = ImmutableList.<Entry>builderWithExpectedSize(table.rows().size());
      for (var row : table.rows()) {
        entries.add(row.entry(now));
      }
      return new Snapshot(table.revision(), entries.build());
    }
  }

  @Override
  public Entry create(Subnets subnets, String value, String holder, @Nullable Duration timeToLive)
      throws IOException {
    synchronized (lock) {
      long now = begin();
      commit(table.create(subnets, value, holder, timeToLive, now), now);
      return entry(subnets.key(), now);
    }
  }

  @Override
  public Entry update(Entry expected, String value, String holder, @Nullable Duration timeToLive)
      throws IOException {
    synchronized (lock) {
      long now = begin();
      commit(table.update(expected, value, holder, timeToLive, now), now);
      return entry(expected.key(), now);
    }
  }

  @Override
  public void delete(Entry expected) throws IOException {
    synchronized (lock) {
      long now = begin();
      var removal = table.delete(expected);
      if (removal != null) {
        commit(removal, now);
      }
    }
  }

  /**
   * Writes a record whatever is there and under any key, as a program does that knows neither revisions nor holders; flanneld is one. For
   * seeing how a network bears it.
   */
  public Entry overwrite(String key, String value, @Nullable Duration timeToLive)
      throws IOException {
    synchronized (lock) {
      long now = begin();
      commit(table.overwrite(key, value, null, timeToLive, now), now);
      return entry(key, now);
    }
  }

  @Override
  public Watch watch(long revision, Watcher watcher) throws IOException {
    synchronized (lock) {
      checkOpen();
      return watches.subscribe(revision, watcher, clock.sequential());
    }
  }

  /** Forgets the history, as remote stores do now and then: watches that have not seen all of it fail. */
  public void compact() {
    synchronized (lock) {
      watches.compact();
    }
  }

  /** Ends all watches; unless called by a watcher, waits for calls of watchers that are under way. */
  @Override
  public void close() throws IOException {
    ImmutableList<WatchHub.Subscription> running;
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      running = watches.subscriptions();
    }
    boolean calledByWatcher =
        running.stream().anyMatch(WatchHub.Subscription::isCalledByThisThread);
    for (var watch : running) {
      if (calledByWatcher) {
        watch.stop();
      } else {
        watch.close();
      }
    }
    clock.close();
    synchronized (lock) {
      journal.close();
    }
  }

  private Entry entry(String key, long now) {
    var row = table.row(key);
    if (row == null) {
      throw new AssertionError("the record " + key + " was just written");
    }
    return row.entry(now);
  }

  /** Lets go what has run out and returns the time. */
  private long begin() throws IOException {
    checkOpen();
    long now = clock.nanos();
    for (var removal = table.expire(now); removal != null; removal = table.expire(now)) {
      commit(removal, now);
    }
    return now;
  }

  private void checkOpen() throws IOException {
    if (closed) {
      throw new IOException("the lease store is closed");
    }
  }

  private void commit(RecordTable.Change change, long now) throws IOException {
    journal.append(change, table);
    table.apply(change);
    watches.publish(change.event(now));
    scheduleExpiry();
  }

  private void scheduleExpiry() {
    long next = table.nextDeadline();
    if (expiry != null && expiryNanos <= next) {
      return;
    }
    if (expiry != null) {
      expiry.cancel();
      expiry = null;
    }
    if (next != RecordTable.NEVER) {
      expiryNanos = next;
      long wait = Math.min(next - clock.nanos(), LONGEST_WAIT.toNanos());
      expiry = clock.schedule(Duration.ofNanos(Math.max(0, wait)), this::expire);
    }
  }

  private void expire() {
    synchronized (lock) {
      expiry = null;
      if (closed) {
        return;
      }
      try {
        begin();
        scheduleExpiry();
      } catch (IOException e) {
        log.warn("Cannot write down that a lease ended, will try again: {}", e.toString());
        expiryNanos = clock.nanos() + LONGEST_WAIT.toNanos();
        expiry = clock.schedule(LONGEST_WAIT, this::expire);
      }
    }
  }
}
