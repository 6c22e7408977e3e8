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

  private record Belief(Subnets subnets, long untilNanos) {}

  synchronized void begin(String node, Subnets subnets, long untilNanos) {
    long now = System.nanoTime();
    byNode.forEach((other, belief) -> {
      if (!other.equals(node) && belief.untilNanos - now > 0 && belief.subnets.overlaps(subnets)) {
        violations.add(node + " got " + subnets + " while " + other + " has " + belief.subnets);
      }
    });
    byNode.put(node, new Belief(subnets, untilNanos));
  }

  synchronized void end(String node) {
    byNode.remove(node);
  }

  synchronized List<String> violations() {
    return List.copyOf(violations);
  }
}
