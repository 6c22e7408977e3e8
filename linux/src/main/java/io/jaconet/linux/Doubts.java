package io.jaconet.linux;

import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * In which of the kernel's tables something may not be as wanted, by what was heard. Of each object only what was heard last counts: what is
 * heard late may be of a time before our own last write. Confined to the {@link PeerTable}.
 */
final class Doubts {
  private final Set<EntryKind> whole = EnumSet.noneOf(EntryKind.class);
  private final Map<EntryKind, Set<Object>> objects = new HashMap<>();

  /** Takes the word of an object of {@code kind}. */
  void heard(EntryKind kind, Object object, boolean asWanted) {
    if (!asWanted) {
      objects.computeIfAbsent(kind, none -> new HashSet<>()).add(object);
    } else {
      objects.computeIfPresent(kind, (key, doubted) -> {
        doubted.remove(object);
        return doubted.isEmpty() ? null : doubted;
      });
    }
  }

  /** Doubts whatever is in these tables. */
  void addAll(Set<EntryKind> kinds) {
    whole.addAll(kinds);
  }

  void removeAll(Set<EntryKind> kinds) {
    whole.removeAll(kinds);
    objects.keySet().removeAll(kinds);
  }

  boolean isEmpty() {
    return whole.isEmpty() && objects.isEmpty();
  }

  /** Returns a copy of the kinds with doubts. */
  Set<EntryKind> kinds() {
    var kinds = EnumSet.noneOf(EntryKind.class);
    kinds.addAll(whole);
    kinds.addAll(objects.keySet());
    return kinds;
  }
}
