package io.jaconet.spi;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.TrafficRules;
import java.io.IOException;

/**
 * Keeps the rules of one network in the host's packet filter. Rules, chains and tables of others are never touched.
 *
 * <p>Methods may block, are called from a thread of an I/O executor, one at a time, and end within a bounded time.
 */
public interface IptablesManager {

  /**
   * Makes the rules of the network be exactly {@code rules}, whatever an earlier call or an earlier run left: in one step, so that no
   * packet meets a part of them. Does nothing if they are so already.
   *
   * @throws IOException if that failed; the rules are then as they were before
   */
  void apply(TrafficRules rules) throws IOException;

  /**
   * Compares the packet filter with what {@link #apply} was last given, in content and order, and mends what differs.
   *
   * @return what was wrong and is mended, in words, one for each thing; empty if all was well
   * @throws IllegalStateException if {@code apply} never succeeded, or {@link #remove} came after it
   */
  ImmutableList<String> check() throws IOException;

  /** Removes everything of the network from the packet filter, also of an earlier run. Idempotent. */
  void remove() throws IOException;
}
