package io.jaconet.subnet;

import com.google.common.util.concurrent.MoreExecutors;
import io.jaconet.event.EventLoop;
import io.jaconet.internal.DaemonThreads;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/** Where a store has its time and its threads from. */
interface StoreClock extends AutoCloseable {

  /** Returns the time in nanoseconds. */
  long nanos();

  /** Runs {@code task} after {@code delay}. */
  EventLoop.Timer schedule(Duration delay, Runnable task);

  /** Returns an executor that runs its tasks one after the other. */
  Executor sequential();

  @Override
  void close();

  /** Returns the time of {@code loop}, which runs everything. */
  static StoreClock of(EventLoop loop) {
    return new StoreClock() {
      @Override
      public long nanos() {
        return loop.nanoTime();
      }

      @Override
      public EventLoop.Timer schedule(Duration delay, Runnable task) {
        return loop.schedule(delay, task);
      }

      @Override
      public Executor sequential() {
        return loop;
      }

      @Override
      public void close() {}
    };
  }

  /** Returns a clock that reads {@code nanos} and has daemon threads of its own, which end when there is nothing to do. */
  static StoreClock withThreads(LongSupplier nanos, String name) {
    var threads = new DaemonThreads(name);
    var timers = new ScheduledThreadPoolExecutor(1, threads);
    timers.setRemoveOnCancelPolicy(true);
    var watchers = new ThreadPoolExecutor(
        0, Integer.MAX_VALUE, 5, TimeUnit.SECONDS, new SynchronousQueue<>(), threads);
    return new StoreClock() {
      @Override
      public long nanos() {
        return nanos.getAsLong();
      }

      @Override
      public EventLoop.Timer schedule(Duration delay, Runnable task) {
        var future = timers.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
        return () -> future.cancel(false);
      }

      @Override
      public Executor sequential() {
        return MoreExecutors.newSequentialExecutor(watchers);
      }

      @Override
      public void close() {
        timers.shutdownNow();
        watchers.shutdown();
      }
    };
  }
}
