package io.jaconet.internal;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.TestReporter;

/** Randomness that can be had again: the seed is reported, and {@code -Djaconet.seed=} sets it. */
public final class SeededRandom extends Random {
  private static final long serialVersionUID = 1;

  private SeededRandom(long seed) {
    super(seed);
  }

  public static SeededRandom reportedTo(TestReporter reporter) {
    long seed = Long.getLong("jaconet.seed", System.nanoTime());
    reporter.publishEntry("jaconet.seed", Long.toString(seed));
    return new SeededRandom(seed);
  }

  public <T> T oneOf(List<T> choices) {
    return choices.get(nextInt(choices.size()));
  }
}
