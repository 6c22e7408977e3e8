package io.jaconet;

import io.jaconet.overlay.Lease;
import org.jspecify.annotations.Nullable;

/**
 * Is told what happens to a network. Calls come one at a time, in order, on a thread of the I/O executor: a listener that is slow delays
 * later calls to itself and nothing else; what it throws is logged, once a minute at most. Up to 65,536 calls wait for it, and it is told
 * by {@link #onMissed} if there were more.
 */
public interface NetworkListener {

  /** The state changed. */
  default void onState(NetworkState state) {}

  /** The own lease changed: the first came, or its subnets are others than before. {@code before} is null for the first. */
  default void onLease(@Nullable Lease before, Lease after) {}

  /** A peer came ({@code before} is null), changed, or went ({@code after} is null). The kernel follows, or has followed. */
  default void onPeer(@Nullable Lease before, @Nullable Lease after) {}

  /** The largest packet that the overlay carries unfragmented is another than before, in bytes; workloads should get it as their MTU. */
  default void onOverlayMtu(int before, int after) {}

  /** Something that others changed in the kernel was mended. Comes once for each thing and time. */
  default void onDrift(Drift drift) {}

  /** A record is kept away from the kernel. Comes once for each distinct reason. */
  default void onQuarantine(Quarantined record) {}

  /**
   * So many calls were left out, because this listener had not come back for as many as are kept. All that happened before has been told,
   * and all that happens from now on will be; what is so now, the accessors of {@link OverlayNetwork} tell.
   */
  default void onMissed(long calls) {}
}
