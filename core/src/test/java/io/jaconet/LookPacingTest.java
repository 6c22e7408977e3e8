package io.jaconet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class LookPacingTest {
  private static final Duration GATHERING = Duration.ofMillis(20);

  private long now = -5;
  private final LookPacing pacing = new LookPacing(now);

  /** Waits as told and looks for so long; returns the wait. */
  private Duration look(Duration took, boolean mended) {
    var wait = pacing.untilNext(now);
    long began = now + wait.toNanos();
    now = began + took.toNanos();
    pacing.looked(began, now, mended);
    return wait;
  }

  @Test
  void aDamageIsLookedAtAsSoonAsOneCommandHasSaidAll() {
    assertEquals(GATHERING, pacing.untilNext(now));
  }

  /** T01: the device and all that hangs on it, again and again. */
  @Test
  void repairsHoldUpNoOtherLongerThanTheyTook() {
    for (int n = 0; n < 50; n++) {
      var wait = look(Duration.ofMillis(400), true);

      assertTrue(wait.compareTo(Duration.ofMillis(400)) <= 0, wait.toString());
    }
  }

  @Test
  void aFewLooksInVainHoldUpNoRepair() {
    for (int n = 0; n < 20; n++) {
      look(Duration.ofMillis(40), false);
    }

    assertEquals(Duration.ofMillis(40), pacing.untilNext(now));
  }

  /** T12. */
  @Test
  void looksInVainTakeAHundredthOfTheTimeInTheLongRun() {
    look(Duration.ofSeconds(1), false);
    long began = now;
    long looked = 0;
    while (now - began < Duration.ofMinutes(10).toNanos()) {
      look(Duration.ofMillis(30), false);
      looked += Duration.ofMillis(30).toNanos();
    }

    assertEquals(0.01, (double) looked / (now - began), 0.001);
  }

  @Test
  void evenADearLookIsTakenAfterFiveSeconds() {
    look(Duration.ofSeconds(3), false);

    assertEquals(Duration.ofSeconds(5), pacing.untilNext(now));
  }
}
