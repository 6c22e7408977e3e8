package io.jaconet.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ManualEventLoopTest {
  private final ManualEventLoop loop = new ManualEventLoop(Instant.parse("2026-01-01T00:00:00Z"));
  private final List<String> ran = new ArrayList<>();

  @Test
  void runsNothingUntilToldTo() {
    loop.execute(() -> ran.add("a"));
    assertEquals(List.of(), ran);

    loop.runReady();

    assertEquals(List.of("a"), ran);
    assertEquals(0, loop.pendingTasks());
  }

  @Test
  void runsTasksInOrderOfTheirTimeThenOfTheCalls() {
    loop.schedule(Duration.ofSeconds(2), () -> ran.add("late"));
    loop.schedule(Duration.ofSeconds(1), () -> ran.add("early 1"));
    loop.schedule(Duration.ofSeconds(1), () -> ran.add("early 2"));
    loop.schedule(Duration.ofSeconds(3), () -> ran.add("too late"));

    loop.advance(Duration.ofSeconds(2));

    assertEquals(List.of("early 1", "early 2", "late"), ran);
  }

  @Test
  void showsEachTaskItsOwnTime() {
    loop.schedule(Duration.ofMillis(5), () -> ran.add(loop.nanoTime() + " " + loop.now()));

    loop.advance(Duration.ofSeconds(1));

    assertEquals(List.of("5000000 2026-01-01T00:00:00.005Z"), ran);
    assertEquals(Duration.ofSeconds(1).toNanos(), loop.nanoTime());
  }

  @Test
  void runsWhatATaskSchedulesWithinTheSameStep() {
    loop.execute(() -> loop.schedule(
        Duration.ofSeconds(1), () -> loop.execute(() -> ran.add("second generation"))));

    loop.advance(Duration.ofSeconds(1));

    assertEquals(List.of("second generation"), ran);
  }

  @Test
  void doesNotRunACancelledTask() {
    var timer = loop.schedule(Duration.ofSeconds(1), () -> ran.add("a"));

    timer.cancel();
    timer.cancel();
    loop.advance(Duration.ofSeconds(2));

    assertEquals(List.of(), ran);
  }

  @Test
  void runsOverdueTasksLateAfterAPause() {
    loop.schedule(Duration.ofSeconds(1), () -> ran.add("at " + Duration.ofNanos(loop.nanoTime())));

    loop.pause(Duration.ofSeconds(10));
    assertEquals(List.of(), ran);
    loop.runReady();

    assertEquals(List.of("at PT10S"), ran);
  }

  @Test
  void stepsTheWallClockAlone() {
    loop.stepWallClock(Duration.ofHours(-1));

    assertEquals(Instant.parse("2025-12-31T23:00:00Z"), loop.now());
    assertEquals(0, loop.nanoTime());
  }

  @Test
  void isInTheLoopOnlyWhileATaskRuns() {
    loop.execute(() -> ran.add("in loop: " + loop.inEventLoop()));

    loop.runReady();

    assertEquals(List.of("in loop: true"), ran);
    assertFalse(loop.inEventLoop());
  }

  @Test
  void letsATasksFailureThroughAndGoesOnAfterwards() {
    loop.execute(() -> {
      throw new IllegalStateException("task");
    });
    loop.execute(() -> ran.add("next"));

    assertThrows(IllegalStateException.class, loop::runReady);
    assertFalse(loop.inEventLoop());
    loop.runReady();

    assertEquals(List.of("next"), ran);
  }

  @Test
  void refusesToRunBackwardsAndFromWithinATask() {
    loop.execute(loop::runReady);

    assertThrows(IllegalArgumentException.class, () -> loop.advance(Duration.ofNanos(-1)));
    assertEquals(
        "called from a task",
        assertThrows(IllegalStateException.class, loop::runReady).getMessage());
  }
}
