package io.jaconet.subnet;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.HashMultimap;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.SetMultimap;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore.ConflictException;
import io.jaconet.spi.LeaseStore.Entry;
import io.jaconet.spi.LeaseStore.Event;
import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The records of a store and the rules by which they change. A change is planned first and applied later, so that it can be written down in
 * between. Confined to the lock of its store; knows no clock and no thread.
 */
final class RecordTable {
  /** The deadline of a record that never vanishes. */
  static final long NEVER = Long.MAX_VALUE;

  private final NavigableMap<String, Row> rows = new TreeMap<>();
  private final SetMultimap<IpPrefix, String> claims = HashMultimap.create();
  private final TreeSet<Row> byDeadline = new TreeSet<>(RecordTable::compareDeadlines);
  private long revision;

  /** A record at rest. */
  record Row(
      String key,
      String value,
      @Nullable String holder,
      long created,
      long revision,
      long deadlineNanos) {

    Entry entry(long nowNanos) {
      var timeToLive =
          deadlineNanos == NEVER ? null : Duration.ofNanos(Math.max(0, deadlineNanos - nowNanos));
      return new Entry(key, value, holder, created, revision, timeToLive);
    }
  }

  /** The next step of the table. */
  sealed interface Change {
    long revision();

    Event event(long nowNanos);
  }

  /** A record is created or replaced. */
  record Write(Row row) implements Change {
    @Override
    public long revision() {
      return row.revision;
    }

    @Override
    public Event event(long nowNanos) {
      return new Event.Put(row.entry(nowNanos));
    }
  }

  /** A record goes. */
  record Removal(String key, long revision) implements Change {
    @Override
    public Event event(long nowNanos) {
      return new Event.Deleted(key, revision);
    }
  }

  private static int compareDeadlines(Row a, Row b) {
    int order = Long.compare(a.deadlineNanos, b.deadlineNanos);
    return order == 0 ? a.key.compareTo(b.key) : order;
  }

  long revision() {
    return revision;
  }

  /** Returns the records in the order of their keys. */
  Collection<Row> rows() {
    return Collections.unmodifiableCollection(rows.values());
  }

  @Nullable
  Row row(String key) {
    return rows.get(key);
  }

  /** Returns when the next record vanishes, or {@link #NEVER}. */
  long nextDeadline() {
    return byDeadline.isEmpty() ? NEVER : byDeadline.first().deadlineNanos;
  }

  Change create(
      Subnets subnets, String value, String holder, @Nullable Duration timeToLive, long nowNanos)
      throws ConflictException {
    for (var prefix : subnets.prefixes()) {
      for (var key : claims.get(prefix)) {
        throw new ConflictException(prefix + " is taken by the record " + key);
      }
    }
    return new Write(new Row(
        subnets.key(), value, holder, revision + 1, revision + 1, deadline(timeToLive, nowNanos)));
  }

  Change update(
      Entry expected, String value, String holder, @Nullable Duration timeToLive, long nowNanos)
      throws ConflictException {
    var row = rows.get(expected.key());
    if (row == null) {
      throw new ConflictException("the record " + expected.key() + " is gone");
    }
    checkUnchanged(row, expected);
    return new Write(
        new Row(row.key, value, holder, row.created, revision + 1, deadline(timeToLive, nowNanos)));
  }

  /** Returns the removal of {@code expected}, or null if it is gone already. */
  @Nullable
  Change delete(Entry expected) throws ConflictException {
    var row = rows.get(expected.key());
    if (row == null) {
      return null;
    }
    checkUnchanged(row, expected);
    return new Removal(row.key, revision + 1);
  }

  private static void checkUnchanged(Row row, Entry expected) throws ConflictException {
    if (row.revision != expected.revision()) {
      throw new ConflictException("the record " + row.key + " is at revision " + row.revision
          + ", not " + expected.revision()
          + (row.holder == null ? "" : "; last written by " + row.holder));
    }
  }

  /** Returns the write of a record under any key, whatever is there. */
  Change overwrite(
      String key,
      String value,
      @Nullable String holder,
      @Nullable Duration timeToLive,
      long nowNanos) {
    var row = rows.get(key);
    long created = row == null ? revision + 1 : row.created;
    return new Write(
        new Row(key, value, holder, created, revision + 1, deadline(timeToLive, nowNanos)));
  }

  /** Returns the removal of the first record whose time is up, or null. */
  @Nullable
  Change expire(long nowNanos) {
    return nextDeadline() <= nowNanos ? new Removal(byDeadline.first().key, revision + 1) : null;
  }

  /** Makes a planned change; no other may have been made since it was planned. */
  void apply(Change change) {
    checkArgument(
        change.revision() > revision,
        "revision %s does not follow %s",
        change.revision(),
        revision);
    revision = change.revision();
    if (change instanceof Write write) {
      put(write.row);
    } else if (change instanceof Removal removal) {
      remove(removal.key);
    }
  }

  /** Goes on from {@code revision}, as read from where the table was kept. */
  void restoreRevision(long revision) {
    this.revision = Math.max(this.revision, revision);
  }

  /** Puts {@code row} back as it was read; rows of a compacted file are in the order of their keys, not of their revisions. */
  void restore(Row row) {
    put(row);
    restoreRevision(row.revision);
  }

  private void put(Row row) {
    remove(row.key);
    rows.put(row.key, row);
    for (var prefix : claimed(row.key)) {
      claims.put(prefix, row.key);
    }
    if (row.deadlineNanos != NEVER) {
      byDeadline.add(row);
    }
  }

  private void remove(String key) {
    var row = rows.remove(key);
    if (row != null) {
      byDeadline.remove(row);
      for (var prefix : claimed(key)) {
        claims.remove(prefix, key);
      }
    }
  }

  private static ImmutableList<IpPrefix> claimed(String key) {
    try {
      return Subnets.parseKey(key).prefixes();
    } catch (IllegalArgumentException foreignKey) {
      return ImmutableList.of();
    }
  }

  private static long deadline(@Nullable Duration timeToLive, long nowNanos) {
    if (timeToLive == null) {
      return NEVER;
    }
    checkArgument(
        timeToLive.compareTo(Duration.ZERO) > 0,
        "the time to live is not positive: %s",
        timeToLive);
    boolean representable =
        timeToLive.compareTo(Duration.ofNanos(NEVER - Math.max(0, nowNanos))) < 0;
    return representable ? nowNanos + timeToLive.toNanos() : NEVER;
  }
}
