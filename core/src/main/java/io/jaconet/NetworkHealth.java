package io.jaconet;

import io.jaconet.NetworkState.Phase;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What is wrong with a network now, and what state follows from it. Confined to the network's event loop. */
final class NetworkHealth {
  private final Map<Concern, String> troubles = new EnumMap<>(Concern.class);

  NetworkHealth() {
    troubles.put(Concern.PEERS_UNKNOWN, "");
  }

  /** What may be wrong, gravest first. */
  enum Concern {
    FENCED(Phase.FENCED),
    PEERS_UNKNOWN(Phase.JOINING),
    RULES_UNSET(Phase.JOINING),
    UNDERLAY(Phase.DEGRADED),
    DATA_PATH(Phase.DEGRADED),
    PEERS_PENDING(Phase.DEGRADED),
    RULES(Phase.DEGRADED),
    LEASE(Phase.STALE),
    WATCH(Phase.STALE);

    private final Phase phase;

    Concern(Phase phase) {
      this.phase = phase;
    }
  }

  /**
   * Notes why {@code concern} is wrong, or that it is well if {@code reason} is null.
   *
   * @return whether that is news
   */
  boolean note(Concern concern, @Nullable String reason) {
    String before = reason == null ? troubles.remove(concern) : troubles.put(concern, reason);
    return !Objects.equals(before, reason);
  }

  boolean isWrong(Concern concern) {
    return troubles.containsKey(concern);
  }

  Phase phase() {
    return troubles.keySet().stream().findFirst().map(concern -> concern.phase).orElse(Phase.UP);
  }

  /** Returns the reason of the gravest trouble that has one; empty if all is well. */
  String reason() {
    return troubles.values().stream()
        .filter(reason -> !reason.isEmpty())
        .findFirst()
        .orElse("");
  }
}
