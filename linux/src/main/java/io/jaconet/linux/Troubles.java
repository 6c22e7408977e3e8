package io.jaconet.linux;

import io.jaconet.overlay.Subnets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What of a {@link PeerTable} is not as wanted, and why: it was refused, or was mended too often. Confined to the table. */
final class Troubles {
  private final RepairBudget budget;
  private final Map<Object, Trouble> byKey = new HashMap<>();

  /**
   * A trouble.
   *
   * @param peer whose, null if something is there that should not be
   * @param left whether it is left as it is for having been mended too often
   */
  private record Trouble(@Nullable Subnets peer, String reason, boolean left) {}

  Troubles(RepairBudget budget) {
    this.budget = budget;
  }

  /** Notes why the thing of this key is not as {@code peer} needs it, or as it should be if it is of no peer. */
  void refused(Object key, @Nullable Subnets peer, String reason) {
    note(key, new Trouble(peer, reason, false));
  }

  /** What a peer lacks matters more than what is there in its place. */
  private void note(Object key, Trouble trouble) {
    if (trouble.peer == null) {
      byKey.putIfAbsent(key, trouble);
    } else {
      byKey.put(key, trouble);
    }
  }

  /** Returns whether a thing was mended too often to be mended now, and notes it if so. */
  boolean isLeft(Object key, @Nullable Subnets peer, String name) {
    var why = budget.whyLeft(key);
    if (why.isEmpty()) {
      return false;
    }
    note(key, new Trouble(peer, name + " was " + why.get(), true));
    return true;
  }

  /** Returns whether a thing is known to be left as it is. */
  boolean isKnownToBeLeft(Object key) {
    return byKey.containsKey(key) && budget.isLeft(key);
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

  /** Returns whether something is wrong that may be well at the next attempt. */
  boolean haveRefusals() {
    for (Trouble trouble : byKey.values()) {
      if (!trouble.left) {
        return true;
      }
    }
    return false;
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
