package io.jaconet.subnet.etcd;

import com.google.common.collect.ImmutableList;
import io.jaconet.spi.LeaseStore.Event;
import java.io.IOException;
import java.util.HashMap;

/**
 * A message of etcd to a watch.
 *
 * @param compacted the first revision that is still known, if the wanted one is not, else 0
 * @param reason why the watch was cancelled
 */
record WatchAnswer(
    long revision,
    boolean created,
    boolean canceled,
    long compacted,
    String reason,
    ImmutableList<Change> events) {

  /** A key was written or deleted, at its {@code modified} revision. */
  record Change(boolean deleted, KeyValue entry) {

    static Change read(ProtoReader message) throws IOException {
      boolean deleted = false;
      var entry = new KeyValue("", "", 0, 0, 0);
      while (message.next()) {
        switch (message.field()) {
          case 1 -> deleted = message.flag();
          case 2 -> entry = KeyValue.read(message.message());
          default -> {}
        }
      }
      return new Change(deleted, entry);
    }
  }

  static WatchAnswer read(ProtoReader message) throws IOException {
    long revision = 0;
    boolean created = false;
    boolean canceled = false;
    long compacted = 0;
    String reason = "";
    var events = ImmutableList.<Change>builder();
    while (message.next()) {
      switch (message.field()) {
        case 1 -> revision = RangeAnswer.headerRevision(message.message());
        case 3 -> created = message.flag();
        case 4 -> canceled = message.flag();
        case 5 -> compacted = message.number();
        case 6 -> reason = message.text();
        case 11 -> events.add(Change.read(message.message()));
        default -> {}
      }
    }
    return new WatchAnswer(revision, created, canceled, compacted, reason, events.build());
  }

  long lastRevision() {
    return events.isEmpty() ? 0 : events.get(events.size() - 1).entry().modified();
  }

  /** Returns what happened to leases after {@code seen}. All that happened at one revision is in one message. */
  ImmutableList<Event> after(long seen, Layout layout) {
    var holders = new HashMap<String, KeyValue>();
    for (var change : events) {
      var name = layout.nameOfHolder(change.entry().key());
      if (name != null && !change.deleted()) {
        holders.put(name + ' ' + change.entry().modified(), change.entry());
      }
    }
    var after = ImmutableList.<Event>builder();
    for (var change : events) {
      var entry = change.entry();
      var name = layout.name(entry.key());
      if (name != null && entry.modified() > seen) {
        after.add(
            change.deleted()
                ? new Event.Deleted(name, entry.modified())
                : new Event.Put(
                    Records.entry(name, entry, holders.get(name + ' ' + entry.modified()))));
      }
    }
    return after.build();
  }
}
