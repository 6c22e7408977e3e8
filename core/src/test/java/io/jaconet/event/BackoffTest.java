package io.jaconet.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.internal.SeededRandom;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

class BackoffTest {
  private static final Duration FIRST = Duration.ofMillis(100);
  private static final Duration LIMIT = Duration.ofSeconds(1);

  @Test
  void doublesUpToTheLimitAndShortensByUpToHalf(TestReporter reporter) {
    var random = SeededRandom.reportedTo(reporter);
    for (int round = 0; round < 1_000; round++) {
      var backoff = new Backoff(FIRST, LIMIT, random);
      for (long full : new long[] {100, 200, 400, 800, 1_000, 1_000}) {
        var wait = backoff.next();

        assertTrue(
            wait.compareTo(Duration.ofMillis(full)) <= 0, () -> wait + " of " + full + " ms");
        assertTrue(
            wait.compareTo(Duration.ofMillis(full / 2)) >= 0, () -> wait + " of " + full + " ms");
      }
    }
  }

  @Test
  void startsOverAfterASuccess(TestReporter reporter) {
    var backoff = new Backoff(FIRST, LIMIT, SeededRandom.reportedTo(reporter));
    for (int i = 0; i < 5; i++) {
      assertTrue(backoff.next().compareTo(Duration.ZERO) > 0);
    }

    backoff.reset();

    assertTrue(backoff.next().compareTo(FIRST) <= 0);
  }

  @Test
  void refusesWaitsThatMakeNoSense(TestReporter reporter) {
    var random = SeededRandom.reportedTo(reporter);

    assertEquals(
        "the first wait PT2S exceeds the limit PT1S",
        assertThrows(
                IllegalArgumentException.class,
                () -> new Backoff(Duration.ofSeconds(2), LIMIT, random))
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> new Backoff(Duration.ZERO, LIMIT, random));
  }
}
