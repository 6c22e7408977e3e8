package io.jaconet.spi;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.RulesStatus;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.overlay.UnderlayGuard;
import java.io.Closeable;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the rules of one network in the host's packet filter. Rules, chains and tables of others are never touched.
 *
 * <p>{@link #apply}, {@link #guard}, {@link #check} and {@link #remove} may block, are called from a thread of an I/O executor, one at a
 * time, and end within a bounded time. The other methods return at once and may be called from any thread.
 */
public interface IptablesManager {

  /**
   * Makes the rules of the network be exactly {@code rules}, whatever an earlier call or an earlier run left: in one step, so that no
   * packet meets a part of them. Does nothing if they are so already. The guard stays as it is.
   *
   * @throws IOException if that failed; the rules are then as they were before
   */
  void apply(TrafficRules rules) throws IOException;

  /**
   * Has tunnel packets dropped as {@code guard} says, in place of an earlier guard; none if it is null. Legitimate packets pass at any
   * moment of the change.
   *
   * @throws IOException if that failed; the guard is then as it was before
   */
  void guard(@Nullable UnderlayGuard guard) throws IOException;

  /**
   * Compares the packet filter with what {@link #apply} and {@link #guard} were last given, in content and order, and mends what
   * differs.
   *
   * @return what was wrong and is mended, in words, one for each thing; empty if all was well
   * @throws IllegalStateException if {@code apply} never succeeded, or {@link #remove} came after it
   */
  ImmutableList<String> check() throws IOException;

  /**
   * Has {@code due} called, on a thread of the manager's, whenever a {@link #check} is due: at once when the manager learns that somebody
   * changed something, and as often as it has to look because nobody tells. Calls {@code due} until the result is closed; one at a time
   * watches.
   */
  Closeable watch(Runnable due) throws IOException;

  /** Removes everything of the network from the packet filter, also of an earlier run, and its guard. Idempotent. */
  void remove() throws IOException;

  /** Returns how the rules stand, as of the last call of another method. */
  RulesStatus status();
}
