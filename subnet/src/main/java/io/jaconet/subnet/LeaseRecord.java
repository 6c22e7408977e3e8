package io.jaconet.subnet;

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
record LeaseRecord(Entry entry, @Nullable Subnets subnets, @Nullable Lease lease, @Nullable String defect) {
  private static final int MAX_VALUE_CHARS = 64 * 1024;
  private static final int MAX_PRINTED_CHARS = 200;

  static LeaseRecord of(Entry entry) {
    Subnets subnets;
    try {
      subnets = Subnets.parseKey(entry.key());
    } catch (IllegalArgumentException e) {
      return new LeaseRecord(entry, null, null, "key: " + printable(String.valueOf(e.getMessage())));
    }
    if (entry.value().length() > MAX_VALUE_CHARS) {
      var defect = "value: " + entry.value().length() + " characters, at most " + MAX_VALUE_CHARS + " are read";
      return new LeaseRecord(entry, subnets, null, defect);
    }
    try {
      var attributes = LeaseAttributes.parse(entry.value());
      var lease = new Lease(subnets, attributes, entry.holder(), entry.created(), entry.revision());
      return new LeaseRecord(entry, subnets, lease, null);
    } catch (IllegalArgumentException e) {
      return new LeaseRecord(entry, subnets, null, "value: " + printable(String.valueOf(e.getMessage())));
    }
  }

  UnreadableRecord unreadable() {
    return new UnreadableRecord(entry.key(), subnets, String.valueOf(defect));
  }

  /** Returns who wrote the record last, in words. */
  String writer() {
    if (entry.holder() != null) {
      return "node " + printable(entry.holder());
    }
    return "a writer without node id, perhaps flanneld, that publishes " + printable(entry.value());
  }

  /** Returns {@code text}, which anyone may have written, so that it can stand in a log. */
  static String printable(String text) {
    var printable = new StringBuilder();
    text.codePoints().limit(MAX_PRINTED_CHARS).forEach(c -> {
      boolean plain = c >= ' ' && c < 0x7f || c > 0xa0 && Character.isLetterOrDigit(c);
      if (plain) {
        printable.appendCodePoint(c);
      } else {
        printable.append(String.format("\\u%04x", c));
      }
    });
    return text.length() > MAX_PRINTED_CHARS ? printable + "..." : printable.toString();
  }
}
