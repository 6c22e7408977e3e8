package io.jaconet.subnet;

import io.jaconet.internal.Printable;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.LeaseStore.Entry;
import org.jspecify.annotations.Nullable;

/**
 * A record of the store, read as a lease as far as it can be.
 *
 * @param subnets what the key names, null if it is no subnet key
 * @param lease the lease, null if the record is none
 * @param defect why it is none, null if it is one
 */
record LeaseRecord(
    Entry entry,
    @Nullable Subnets subnets,
    @Nullable Lease lease,
    @Nullable String defect) {
  static LeaseRecord of(Entry entry) {
    Subnets subnets;
    try {
      subnets = Subnets.parseKey(entry.key());
    } catch (IllegalArgumentException e) {
      return new LeaseRecord(entry, null, null, "key: " + e.getMessage());
    }
    try {
      var attributes = LeaseAttributes.parse(entry.value());
      var lease = new Lease(subnets, attributes, entry.holder(), entry.created(), entry.revision());
      return new LeaseRecord(entry, subnets, lease, null);
    } catch (IllegalArgumentException e) {
      return new LeaseRecord(entry, subnets, null, "value: " + e.getMessage());
    } catch (RuntimeException e) {
      // Whatever a parser trips over in text that anyone may write, it is this record's defect and
      // no other's.
      return new LeaseRecord(entry, subnets, null, "value: " + Printable.of(e.toString()));
    }
  }

  UnreadableRecord unreadable() {
    return new UnreadableRecord(entry.key(), subnets, String.valueOf(defect));
  }

  /** Returns who wrote the record last, in words. */
  String writer() {
    if (entry.holder() != null) {
      return "node " + Printable.of(entry.holder());
    }
    return "a writer without node id, perhaps flanneld, that publishes "
        + Printable.of(entry.value());
  }
}
