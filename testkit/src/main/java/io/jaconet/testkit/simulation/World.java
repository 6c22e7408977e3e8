package io.jaconet.testkit.simulation;

import io.jaconet.event.EventLoop;
import io.jaconet.event.ManualEventLoop;
import java.time.Duration;
import java.time.Instant;

/** The time that all hosts of a simulation live in. After each event it lets somebody look. Confined to the simulation's thread. */
final class World implements EventLoop {
  /** More than any number of hosts has to do at one moment. */
  private static final int MOST_AT_ONE_MOMENT = 100_000;

  private final ManualEventLoop loop = new ManualEventLoop();
  private Runnable afterEvent = () -> {};
  private long events;
  private long lastNanos;
  private int atThisMoment;

  void afterEvent(Runnable look) {
    afterEvent = look;
  }

  @Override
  public long nanoTime() {
    return loop.nanoTime();
  }

  @Override
  public Instant now() {
    return loop.now();
  }

  @Override
  public void execute(Runnable task) {
    schedule(Duration.ZERO, task);
  }

  @Override
  public Timer schedule(Duration delay, Runnable task) {
    return loop.schedule(delay, () -> {
      count();
      task.run();
      afterEvent.run();
    });
  }

  private void count() {
    events++;
    atThisMoment = lastNanos == loop.nanoTime() ? atThisMoment + 1 : 0;
    lastNanos = loop.nanoTime();
    if (atThisMoment > MOST_AT_ONE_MOMENT) {
      throw new IllegalStateException(
          "I17: somebody does something again and again without a wait");
    }
  }

  @Override
  public boolean inEventLoop() {
    return loop.inEventLoop();
  }

  void advance(Duration duration) {
    loop.advance(duration);
  }

  /** Returns how many events there were. */
  long events() {
    return events;
  }
}
