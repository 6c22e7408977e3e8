package io.jaconet.event;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Executor;

/**
 * One thread that runs tasks one after the other and is the only source of time for what it owns. {@link #execute} and
 * {@link #schedule} may be called from any thread; tasks run in the order of their due time, and in the order of the calls where
 * that is equal. A task that throws is logged and ends nothing else.
 */
public interface EventLoop extends Executor {

  /** Returns the time in nanoseconds since an arbitrary moment; never steps, may stand still while the machine is suspended. */
  long nanoTime();

  /** Returns the wall-clock time, which may step. */
  Instant now();

  /** Runs {@code task} on the loop after {@code delay}; a delay of zero or less means as soon as possible. */
  Timer schedule(Duration delay, Runnable task);

  /** Returns whether the calling thread is the loop's. */
  boolean inEventLoop();

  /** A task that waits for its time. */
  interface Timer {
    /** Keeps the task from running. Idempotent; without effect once it has started. */
    void cancel();
  }
}
