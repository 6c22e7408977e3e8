package io.jaconet.subnet.etcd;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.util.Arrays;

/** The keys of a range, in their order, or as many as were asked for. */
final class RangeAnswer {
  private final long revision;
  private final ImmutableList<KeyValue> found;
  private final boolean more;
  private final byte[] lastKey;

  private RangeAnswer(long revision, ImmutableList<KeyValue> found, boolean more, byte[] lastKey) {
    this.revision = revision;
    this.found = found;
    this.more = more;
    this.lastKey = lastKey;
  }

  static RangeAnswer read(ProtoReader message) throws IOException {
    long revision = 0;
    var found = ImmutableList.<KeyValue>builder();
    boolean more = false;
    byte[] lastKey = {};
    while (message.next()) {
      switch (message.field()) {
        case 1 -> revision = headerRevision(message.message());
        case 2 -> {
          var entry = message.message();
          lastKey = KeyValue.rawKey(entry.copy());
          found.add(KeyValue.read(entry));
        }
        case 3 -> more = message.flag();
        default -> {}
      }
    }
    return new RangeAnswer(revision, found.build(), more, lastKey);
  }

  /** Returns the revision in the header that begins every answer. */
  static long headerRevision(ProtoReader header) throws IOException {
    long revision = 0;
    while (header.next()) {
      if (header.field() == 3) {
        revision = header.number();
      }
    }
    return revision;
  }

  /** Returns etcd's revision when it answered. */
  long revision() {
    return revision;
  }

  ImmutableList<KeyValue> found() {
    return found;
  }

  /** Returns whether there are more keys than the limit allowed. */
  boolean more() {
    return more;
  }

  /** Returns the least key after the last one found. In bytes: somebody's key need not be text. */
  byte[] next() {
    return Arrays.copyOf(lastKey, lastKey.length + 1);
  }
}
