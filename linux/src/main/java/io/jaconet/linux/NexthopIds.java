package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Which nexthop object stands for which gateway of a link. Ids are shared by the whole network namespace: ours come from 2^30 on, every
 * network starting in a range of 2^20 of its own, and one that another took is passed over.
 */
final class NexthopIds {
  private static final int FIRST = 1 << 30;
  private static final int RANGE_BITS = 20;
  private static final int RANGES = 1 << 10;

  private final int first;
  private final Map<IpAddress, Integer> byGateway = new HashMap<>();
  private final Set<Integer> taken = new HashSet<>();
  private int next;

  NexthopIds(int seed) {
    first = FIRST + (Math.floorMod(seed, RANGES) << RANGE_BITS);
    next = first;
  }

  void forgetAll() {
    byGateway.clear();
    taken.clear();
    next = first;
  }

  /** Notes that {@code id} exists. */
  void seen(int id) {
    taken.add(id);
  }

  /** Notes that the object {@code id}, which exists, stands for {@code gateway}, unless another does. */
  void bind(IpAddress gateway, int id) {
    taken.add(id);
    byGateway.putIfAbsent(gateway, id);
  }

  /** Returns the id for {@code gateway}, 0 if there is none. */
  int of(IpAddress gateway) {
    return byGateway.getOrDefault(gateway, 0);
  }

  /** Returns a free id, which from now on stands for {@code gateway}. */
  int allocate(IpAddress gateway) {
    while (!taken.add(next)) {
      next++;
    }
    byGateway.put(gateway, next);
    return next;
  }

  /** Notes that the object for {@code gateway} is gone. */
  void release(IpAddress gateway) {
    Integer id = byGateway.remove(gateway);
    if (id != null) {
      taken.remove(id);
      next = Math.min(next, id);
    }
  }
}
