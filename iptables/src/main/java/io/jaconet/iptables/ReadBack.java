package io.jaconet.iptables;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Compares rules with what a program prints of them, and recognises a version that prints them otherwise than they are written: the
 * same again and again, each time after we wrote. Without that, we would write for ever. Confined to the packet filter that it
 * belongs to.
 *
 * @param <T> rules in the words of the program
 */
final class ReadBack<T extends List<?>> {
  private static final int CONVINCED = 3;

  private final Map<String, Seen<T>> seen = new HashMap<>();

  /** Rules that were read back otherwise than they were wanted, after so many writes. */
  private record Seen<T>(T wanted, T observed, int writes) {}

  /** Returns whether the rules of {@code chain} are as wanted. */
  boolean isSame(String chain, T wanted, T observed) {
    if (observed.equals(wanted)) {
      seen.remove(chain);
      return true;
    }
    if (observed.size() != wanted.size()) {
      seen.remove(chain);
      return false;
    }
    var before = seen.get(chain);
    if (before == null || !before.wanted.equals(wanted) || !before.observed.equals(observed)) {
      seen.put(chain, new Seen<>(wanted, observed, 0));
      return false;
    }
    return before.writes >= CONVINCED;
  }

  /** Notes that what differed has been written. */
  void wrote() {
    seen.replaceAll((chain, s) -> new Seen<>(s.wanted, s.observed, s.writes + 1));
  }
}
