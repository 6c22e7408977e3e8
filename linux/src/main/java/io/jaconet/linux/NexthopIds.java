package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkState;

import io.jaconet.net.IpAddress;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Which nexthop object stands for which gateway of a link. Ids are shared by the whole network namespace: ours come from 2^30 on, every
 * network starting in a range of 2^20 of its own, and one that another took is passed over. One that was released rests until all others of
 * the range had their turn: what is still to be heard of its end is not of a new object.
 */
final class NexthopIds {
  private static final int FIRST = 1 << 30;
  private static final int RANGE_BITS = 20;
  private static final int RANGES = 1 << 10;

  private final int first;
  private final Map<IpAddress, Integer> byGateway = new HashMap<>();
  private final Set<Integer> bound = new HashSet<>();
  private final Set<Integer> taken = new HashSet<>();
  private int next;

  NexthopIds(int seed) {
    first = FIRST + (Math.floorMod(seed, RANGES) << RANGE_BITS);
    next = first;
  }

  /** Returns whether {@code id} is in the range of all networks. For any thread. */
  static boolean mayBeOurs(int id) {
    return id >= FIRST;
  }

  /** Forgets which ids exist, but not which stand for a gateway: {@link #seen} says anew. */
  void forgetTaken() {
    taken.clear();
    taken.addAll(bound);
  }

  /** Notes that {@code id} exists. */
  void seen(int id) {
    taken.add(id);
  }

  /** Returns whether {@code id} stands for a gateway. */
  boolean isBound(int id) {
    return bound.contains(id);
  }

  /** Notes that the object {@code id}, which exists, stands for {@code gateway}. */
  void bind(IpAddress gateway, int id) {
    taken.add(id);
    bound.add(id);
    byGateway.put(gateway, id);
  }

  /** Returns the id for {@code gateway}, 0 if there is none. */
  int of(IpAddress gateway) {
    return byGateway.getOrDefault(gateway, 0);
  }

  /** Returns a free id, which from now on stands for {@code gateway}. */
  int allocate(IpAddress gateway) {
    checkState(bound.size() < 1 << RANGE_BITS, "more than %s gateways", 1 << RANGE_BITS);
    while (!taken.add(next)) {
      next = after(next);
    }
    int id = next;
    next = after(id);
    bound.add(id);
    byGateway.put(gateway, id);
    return id;
  }

  private int after(int id) {
    return id + 1 == first + (1 << RANGE_BITS) ? first : id + 1;
  }

  /** Notes that the object for {@code gateway} is gone. */
  void release(IpAddress gateway) {
    Integer id = byGateway.remove(gateway);
    if (id != null) {
      taken.remove(id);
      bound.remove(id);
    }
  }
}
