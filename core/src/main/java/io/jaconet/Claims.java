package io.jaconet;

import io.jaconet.overlay.Lease;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * Who claims what, and who did so first. Nearly every claim has one claimant, and only the others cost more than an entry of a map.
 *
 * <p>Confined to the network's event loop.
 */
final class Claims {
  private static final Comparator<Lease> OLDEST_FIRST =
      Comparator.comparingLong(Lease::created).thenComparing(Lease::subnets);

  private final Map<Object, Lease> sole = new HashMap<>();
  private final Map<Object, TreeSet<Lease>> contested = new HashMap<>();

  /** Adds a claim of {@code lease}, and tells {@code others} who has it too. */
  void add(Object claim, Lease lease, Consumer<Lease> others) {
    var claimants = contested.get(claim);
    var first = claimants == null ? sole.putIfAbsent(claim, lease) : null;
    if (first != null) {
      sole.remove(claim);
      claimants = new TreeSet<>(OLDEST_FIRST);
      claimants.add(first);
      contested.put(claim, claimants);
    }
    if (claimants != null) {
      claimants.forEach(others);
      claimants.add(lease);
    }
  }

  /** Removes a claim of {@code lease}, and tells {@code others} who still has it. */
  void remove(Object claim, Lease lease, Consumer<Lease> others) {
    var claimants = contested.get(claim);
    if (claimants == null) {
      sole.remove(claim);
      return;
    }
    claimants.remove(lease);
    claimants.forEach(others);
    if (claimants.size() == 1) {
      contested.remove(claim);
      sole.put(claim, claimants.first());
    }
  }

  /** Returns who claimed {@code claim} first. */
  Lease oldest(Object claim) {
    var claimants = contested.get(claim);
    var only = claimants == null ? sole.get(claim) : claimants.first();
    if (only == null) {
      throw new IllegalStateException("nobody claims " + claim);
    }
    return only;
  }
}
