package io.jaconet.udp;

import java.util.function.LongSupplier;

/**
 * The paths that turned out to be narrower than what was sent, each known for a minute: whether it still is, sending tells again. A table of
 * fixed size, in which one path may take another's place. Confined to one thread.
 */
final class PathMtus {
  /** The smallest MTU that an IPv4 link may have (RFC 791 section 3.2); less is not told to anybody. */
  static final int LEAST_V4 = 68;

  /** The smallest MTU that an IPv6 link may have (RFC 8200 section 5): what is wider than the path goes in fragments outside. */
  static final int LEAST_V6 = 1280;

  private static final long KNOWN_NANOS = 60_000_000_000L;
  private static final int PLACES = 256;

  private final LongSupplier nanoTime;
  private final long[] high = new long[PLACES];
  private final long[] low = new long[PLACES];
  private final int[] mtu = new int[PLACES];
  private final long[] since = new long[PLACES];
  private boolean empty = true;

  PathMtus(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /** Returns whether nothing was ever learned. */
  boolean isEmpty() {
    return empty;
  }

  private static int place(long high, long low) {
    return Long.hashCode((high ^ low) * 0x9e3779b97f4a7c15L) >>> 24;
  }

  /** Notes that the path to an address takes packets of {@code bytes} at most, outer headers included. */
  void learn(long addressHigh, long addressLow, int bytes) {
    int place = place(addressHigh, addressLow);
    high[place] = addressHigh;
    low[place] = addressLow;
    mtu[place] = bytes;
    since[place] = nanoTime.getAsLong();
    empty = false;
  }

  /** Returns how large packets the path to an address takes, a very large number if that is not known. */
  int mtu(long addressHigh, long addressLow) {
    int place = place(addressHigh, addressLow);
    boolean known = mtu[place] > 0
        && high[place] == addressHigh
        && low[place] == addressLow
        && nanoTime.getAsLong() - since[place] < KNOWN_NANOS;
    return known ? mtu[place] : Integer.MAX_VALUE;
  }
}
