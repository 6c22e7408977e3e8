package io.jaconet;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import java.util.Arrays;

/** The counters of a network at one moment. */
public final class NetworkStats {
  private final ImmutableMap<Counter, Long> values;

  NetworkStats(long[] values) {
    this.values = Maps.toMap(Arrays.asList(Counter.values()), c -> values[c.index]);
  }

  /** Returns the value of {@code counter}. */
  public long get(Counter counter) {
    return values.getOrDefault(counter, 0L);
  }

  @Override
  public String toString() {
    return values.toString();
  }

  /** What is counted, since the network was joined unless it says "now". */
  public enum Counter {
    /** Peers, now, that are admitted: wanted in the kernel. */
    PEERS(0),
    /** Peers, now, that are not as wanted in the kernel. */
    PEERS_PENDING(1),
    /** Records, now, that are kept away from the kernel. */
    QUARANTINED(2),
    /** Kernel entries written or removed. */
    KERNEL_WRITES(3),
    /** Comparisons of the whole kernel state with what is wanted. */
    AUDITS(4),
    /** Renewals of the own lease that succeeded. */
    RENEWALS(5),
    /** Calls to the store that failed. */
    STORE_FAILURES(6),
    /** Times the own subnet was fenced. */
    FENCINGS(7),
    /** Things that others changed in the kernel and that were mended. */
    DRIFT_REPAIRED(8);

    private final int index;

    Counter(int index) {
      this.index = index;
    }

    int index() {
      return index;
    }
  }
}
