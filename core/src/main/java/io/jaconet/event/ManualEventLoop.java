package io.jaconet.event;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.PriorityQueue;

/**
 * An event loop in virtual time, for tests and simulations: nothing runs except inside {@link #runReady} and {@link #advance}, on the
 * calling thread. Confined to one thread. Unlike a real loop it lets what a task throws through to the caller.
 */
public final class ManualEventLoop implements EventLoop {
  private final PriorityQueue<Task> tasks = new PriorityQueue<>(
      Comparator.comparingLong((Task t) -> t.dueNanos).thenComparingLong(t -> t.sequence));
  private final Instant start;
  private long nowNanos;
  private Duration wallOffset = Duration.ZERO;
  private long sequence;
  private boolean running;

  /** Creates a loop whose clocks stand at zero and at {@code start}. */
  public ManualEventLoop(Instant start) {
    this.start = start;
  }

  /** Creates a loop whose wall clock starts at 2026-01-01T00:00:00Z. */
  public ManualEventLoop() {
    this(Instant.parse("2026-01-01T00:00:00Z"));
  }

  @Override
  public long nanoTime() {
    return nowNanos;
  }

  @Override
  public Instant now() {
    return start.plusNanos(nowNanos).plus(wallOffset);
  }

  @Override
  public void execute(Runnable task) {
    schedule(Duration.ZERO, task);
  }

  @Override
  public Timer schedule(Duration delay, Runnable task) {
    var scheduled = new Task(nowNanos + Math.max(0, delay.toNanos()), sequence++, task);
    tasks.add(scheduled);
    return () -> tasks.remove(scheduled);
  }

  @Override
  public boolean inEventLoop() {
    return running;
  }

  /** Runs what is due now, and what that makes due now. */
  public void runReady() {
    advance(Duration.ZERO);
  }

  /** Moves both clocks on by {@code duration} and runs everything that falls due on the way, each at its own time. */
  public void advance(Duration duration) {
    checkArgument(!duration.isNegative(), "time does not run backwards: %s", duration);
    checkState(!running, "called from a task");
    long untilNanos = nowNanos + duration.toNanos();
    running = true;
    try {
      for (var next = tasks.peek();
          next != null && next.dueNanos <= untilNanos;
          next = tasks.peek()) {
        tasks.remove();
        nowNanos = Math.max(nowNanos, next.dueNanos);
        next.action.run();
      }
    } finally {
      running = false;
    }
    nowNanos = untilNanos;
  }

  /** Moves both clocks on by {@code duration} without running anything, as when the process was stopped meanwhile. */
  public void pause(Duration duration) {
    checkArgument(!duration.isNegative(), "time does not run backwards: %s", duration);
    nowNanos += duration.toNanos();
  }

  /** Steps the wall clock alone, forwards or backwards. */
  public void stepWallClock(Duration step) {
    wallOffset = wallOffset.plus(step);
  }

  /** Returns how many tasks wait. */
  public int pendingTasks() {
    return tasks.size();
  }

  private static final class Task {
    final long dueNanos;
    final long sequence;
    final Runnable action;

    Task(long dueNanos, long sequence, Runnable action) {
      this.dueNanos = dueNanos;
      this.sequence = sequence;
      this.action = action;
    }
  }
}
