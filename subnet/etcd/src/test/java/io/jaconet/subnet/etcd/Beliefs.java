package io.jaconet.subnet.etcd;

import io.jaconet.overlay.Subnets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What each host believes to hold, and until when. Two hosts must never believe to hold one subnet. */
final class Beliefs {
  private final Map<String, Belief> byNode = new HashMap<>();
  private final List<String> violations = new ArrayList<>();

  private record Belief(Subnets subnets, long untilNanos) {
    boolean isOver(long now) {
      return untilNanos - now <= 0;
    }
  }

  /** Notes that the store's answer says so; it may have come too late to count. */
  synchronized void begin(String node, Subnets subnets, long untilNanos) {
    long now = System.nanoTime();
    byNode.values().removeIf(belief -> belief.isOver(now));
    var mine = new Belief(subnets, untilNanos);
    if (mine.isOver(now)) {
      return;
    }
    byNode.forEach((other, belief) -> {
      if (!other.equals(node) && belief.subnets.overlaps(subnets)) {
        violations.add(node + " got " + subnets + " while " + other + " has " + belief.subnets);
      }
    });
    byNode.put(node, mine);
  }

  synchronized void end(String node) {
    byNode.remove(node);
  }

  synchronized List<String> violations() {
    return List.copyOf(violations);
  }
}
