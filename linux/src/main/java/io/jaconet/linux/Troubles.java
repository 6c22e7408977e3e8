package io.jaconet.linux;

import io.jaconet.overlay.Subnets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What of a {@link PeerTable} is not as wanted, and why: it was refused, or was mended too often. Confined to the table. */
final class Troubles {
  private final RepairBudget budget;
  private final Map<Object, Trouble> byKey = new HashMap<>();

  /** Of no peer if something is there that should not be. */
  private record Trouble(@Nullable Subnets peer, String reason) {}

  Troubles(RepairBudget budget) {
    this.budget = budget;
  }

  /** Notes why the thing of this key is not as {@code peer} needs it. */
  void ofPeer(Object key, Subnets peer, String reason) {
    byKey.put(key, new Trouble(peer, reason));
  }

  /** Notes why the thing of this key is there, unless that is known. */
  void ofNoPeer(Object key, String reason) {
    byKey.putIfAbsent(key, new Trouble(null, reason));
  }

  /** Returns whether a thing was mended too often to be mended now, and notes it if so. */
  boolean isLeft(Object key, @Nullable Subnets peer, String name) {
    var why = budget.whyLeft(key);
    if (why.isEmpty()) {
      return false;
    }
    String reason = name + " was " + why.get();
    if (peer == null) {
      ofNoPeer(key, reason);
    } else {
      ofPeer(key, peer, reason);
    }
    return true;
  }

  /** Returns whether a thing is known to be left as it is. */
  boolean isKnownToBeLeft(Object key) {
    return byKey.containsKey(key) && budget.whyLeft(key).isPresent();
  }

  /** Notes that the thing of this key was mended. */
  void mended(Object key) {
    budget.spend(key);
  }

  /** Notes that the kernel has what is wished. */
  void settle(Wish wish) {
    wish.stands = true;
    if (!byKey.isEmpty()) {
      byKey.remove(Wish.key(wish.entry));
    }
  }

  void forget(Object key) {
    byKey.remove(key);
  }

  void forgetOfNoPeer() {
    byKey.values().removeIf(trouble -> trouble.peer == null);
  }

  void clear() {
    byKey.clear();
  }

  boolean contains(Object key) {
    return byKey.containsKey(key);
  }

  boolean isEmpty() {
    return byKey.isEmpty();
  }

  /** Returns a reason for each peer that is not as wanted. */
  Map<Subnets, String> ofPeers() {
    Map<Subnets, String> reasons = new HashMap<>();
    for (Trouble trouble : byKey.values()) {
      if (trouble.peer != null) {
        reasons.putIfAbsent(trouble.peer, trouble.reason);
      }
    }
    return reasons;
  }

  /** Returns why something is there that should not be, null if nothing is. */
  @Nullable
  String ofNoPeer() {
    for (Trouble trouble : byKey.values()) {
      if (trouble.peer == null) {
        return trouble.reason;
      }
    }
    return null;
  }
}
