package io.jaconet;

import java.time.Instant;

/**
 * How a network is doing.
 *
 * @param phase the state
 * @param reason why, in words; empty if there is nothing to say
 * @param since when it came to be so
 */
public record NetworkState(Phase phase, String reason, Instant since) {

  /** The states. From {@code JOINING} on, all but {@code CLOSED} may follow each other as things go wrong and right again. */
  public enum Phase {
    /** There is no lease yet, or the peers are not yet known. */
    JOINING,
    /** All is as it should be. */
    UP,
    /** Traffic flows, but not with every peer as it should. */
    DEGRADED,
    /** The store does not answer: what is known of the peers stands, changes are not seen. */
    STALE,
    /** The lease could not be renewed in time, or is lost: traffic is stopped until it is held again. */
    FENCED,
    /** Left. Final. */
    CLOSED
  }
}
