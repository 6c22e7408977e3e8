package io.jaconet.spi;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.Subnets;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The shared memory of a network: records by key, each with a revision. Implement it to keep leases in a store of your own.
 *
 * <p>The store's revision is a number that grows with every write; a record's revision is the store's at its last write. Every write is
 * atomic and conditional, so that two hosts that both believe to own a record cannot both succeed. Records are text that the store never
 * reads; what is in them is the business of the {@link SubnetManager}.
 *
 * <p>Methods may block, are called from threads of an I/O executor, several at a time, and answer within a bounded time. An
 * {@link IOException} from a write means that the write may or may not have happened; {@link ConflictException} means that it has not.
 */
public interface LeaseStore extends AutoCloseable {

  /**
   * Returns all records and the revision at which they were read together. A record that the store itself cannot read is passed on as it
   * is; it never hides the others.
   */
  Snapshot list() throws IOException;

  /**
   * Writes a new record under {@code subnets.key()}.
   *
   * <p>At most one record may claim a prefix: the write is refused if a live record has one of {@code subnets.prefixes()} among its own,
   * also when that record's key differs (two dual-stack keys that share only their IPv4 part).
   *
   * @param holder the node id of the writer
   * @param timeToLive after how long the record vanishes by itself unless written again, positive; null for never
   * @throws ConflictException if one of the prefixes is taken
   */
  Entry create(Subnets subnets, String value, String holder, @Nullable Duration timeToLive)
      throws IOException;

  /**
   * Replaces a record, provided that it is still at {@code expected.revision()}. Its key, its prefixes and its {@code created} stay.
   *
   * @throws ConflictException if the record is gone or was written by anyone since
   */
  Entry update(Entry expected, String value, String holder, @Nullable Duration timeToLive)
      throws IOException;

  /**
   * Removes a record, provided that it is still at {@code expected.revision()}. Succeeds if it is gone already.
   *
   * @throws ConflictException if the record was written by anyone since
   */
  void delete(Entry expected) throws IOException;

  /**
   * Reports every write after {@code revision}, including records that vanished by themselves: each exactly once, in the order of their
   * revisions. Returns without waiting for the first.
   *
   * <p>The watcher is called from one thread at a time, never with a lock held that another method of this store needs, and not at all
   * after {@link Watch#close} has returned. It is told of a failure at most once, as its last call: the caller then lists and watches
   * anew. That is also how a store answers that {@code revision} is too old for it.
   */
  Watch watch(long revision, Watcher watcher) throws IOException;

  /**
   * Ends all watches and frees what the store holds open. The records stay. Idempotent. Afterwards every other method fails with an
   * {@link IOException}.
   */
  @Override
  void close() throws IOException;

  /**
   * A record.
   *
   * @param key the key, {@link Subnets#key} unless somebody else wrote it
   * @param value the text
   * @param holder the node id of the last writer, null if the writer had none (flanneld)
   * @param created the revision of its creation
   * @param revision the revision of its last write
   * @param timeToLive how long from now until it vanishes by itself, null for never. A store may report the full time to live in place of
   *     the remaining one, but never null for a record that ends
   */
  record Entry(
      String key,
      String value,
      @Nullable String holder,
      long created,
      long revision,
      @Nullable Duration timeToLive) {}

  /**
   * All records at one moment.
   *
   * @param revision the store's revision at that moment; {@code watch(revision, …)} continues from it without a gap
   * @param entries the records in the order of their keys
   */
  record Snapshot(long revision, ImmutableList<Entry> entries) {}

  /** A write to one record. */
  sealed interface Event {

    /** The record was created or replaced. */
    record Put(Entry entry) implements Event {}

    /** The record is gone: deleted or run out, at {@code revision}. */
    record Deleted(String key, long revision) implements Event {}
  }

  /** Receives what a watch reports. */
  interface Watcher {

    /** One or more writes, in order. */
    void onEvents(ImmutableList<Event> events);

    /** The watch is over; writes after the last reported one may have been missed. */
    void onFailure(IOException cause);
  }

  /** A watch that runs. */
  interface Watch extends AutoCloseable {

    /** Ends the watch. Idempotent; may be called from the watcher itself. */
    @Override
    void close();
  }

  /** The condition of a write does not hold; nothing was written. */
  final class ConflictException extends IOException {

    public ConflictException(String message) {
      super(message);
    }
  }
}
