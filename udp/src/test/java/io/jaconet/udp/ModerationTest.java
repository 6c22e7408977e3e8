package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ModerationTest {
  private static final long MICROSECOND = 1_000;

  private long now;
  private int pauses;

  private final Moderation moderation = new Moderation(() -> now, nanos -> {
    assertEquals(Moderation.PAUSE_NANOS, nanos);
    pauses++;
    now += nanos;
  });

  @Test
  void packetsThatComeOneByOneAreNotHeldUp() {
    for (int i = 0; i < 1000; i++) {
      now += 50 * MICROSECOND;
      moderation.after(1);
    }

    assertEquals(0, pauses);
  }

  @Test
  void aFloodIsReadTogether() {
    for (int i = 0; i < 1000; i++) {
      now += 5 * MICROSECOND;
      moderation.after(1);
    }
    int before = pauses;

    for (int i = 0; i < 100; i++) {
      now += 10 * MICROSECOND;
      moderation.after(20);
    }

    assertTrue(pauses > before + 90, () -> pauses - before + " pauses");
  }

  @Test
  void theFirstPacketAfterAFloodIsNotHeldUp() {
    for (int i = 0; i < 1000; i++) {
      now += MICROSECOND;
      moderation.after(1);
    }
    int before = pauses;
    assertTrue(before > 0);

    now += 2000 * MICROSECOND;
    moderation.after(1);

    assertEquals(before, pauses);
  }
}
