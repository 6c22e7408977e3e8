package io.jaconet.overlay;

import com.google.common.collect.ImmutableList;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How the rules of a network stand in the host's packet filter.
 *
 * @param driver what they are kept with, such as {@code iptables-nft}; empty if that is not decided yet
 * @param reason why that was chosen
 * @param wanted the number of rules that shall be there
 * @param present the number of them that the last check found, before it mended anything
 * @param lastCheck when the packet filter was last compared with what is wanted, null if never
 * @param repairs how many things of others' making were mended
 * @param lockWaits how often another program held the lock of iptables
 * @param guardDrops the tunnel packets that the guard dropped, as of the last check
 * @param warnings what keeps the rules from their full effect and is not ours to change
 */
public record RulesStatus(
    String driver,
    String reason,
    int wanted,
    int present,
    @Nullable Instant lastCheck,
    long repairs,
    long lockWaits,
    long guardDrops,
    ImmutableList<String> warnings) {

  /** The status before anything was asked for. */
  public static final RulesStatus NONE =
      new RulesStatus("", "", 0, 0, null, 0, 0, 0, ImmutableList.of());
}
