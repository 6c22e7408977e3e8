package io.jaconet.testkit;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** One task on many threads that start at the same moment. */
final class Concurrently {
  private static final long TIMEOUT_SECONDS = 60;

  private Concurrently() {}

  /** Returns what the task gave for the numbers from 0, in their order. */
  static <T> List<T> run(int threads, Numbered<T> task) throws InterruptedException {
    var pool = Executors.newFixedThreadPool(threads);
    try {
      var ready = new CountDownLatch(threads);
      var futures = new ArrayList<Future<T>>();
      for (int i = 0; i < threads; i++) {
        int number = i;
        futures.add(pool.submit(() -> {
          ready.countDown();
          ready.await();
          return task.run(number);
        }));
      }
      var results = new ArrayList<T>();
      for (var future : futures) {
        results.add(future.get(TIMEOUT_SECONDS, TimeUnit.SECONDS));
      }
      return results;
    } catch (ExecutionException | TimeoutException e) {
      throw new AssertionError("one of " + threads + " threads failed", e);
    } finally {
      pool.shutdownNow();
    }
  }

  /** A task of one of several threads. */
  interface Numbered<T> {
    T run(int number) throws Exception;
  }
}
