package io.jaconet.testkit.simulation;

import static com.google.common.base.Preconditions.checkState;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Lets code that blocks wait in virtual time. Each task has a thread, but of all of them and the simulation's only one runs at any moment,
 * so that nothing is left to chance. Confined to the simulation's thread, but for {@link #await}.
 */
final class Fibers implements AutoCloseable {
  private final Deque<Fiber> idle = new ArrayDeque<>();
  private final Set<Fiber> waiting = new LinkedHashSet<>();

  /** Runs {@code task} until it ends or waits for the first time. */
  void run(Runnable task) {
    var fiber = idle.isEmpty() ? new Fiber() : idle.pop();
    fiber.task = task;
    fiber.proceed();
  }

  /**
   * Makes the calling fiber wait.
   *
   * @param arrange is given what ends the wait, to be run once and on the simulation's thread
   */
  void await(Consumer<Runnable> arrange) {
    checkState(
        Thread.currentThread() instanceof Fiber,
        "called from elsewhere than the executor of a simulated host");
    var fiber = (Fiber) Thread.currentThread();
    waiting.add(fiber);
    arrange.accept(() -> {
      waiting.remove(fiber);
      fiber.proceed();
    });
    fiber.pause();
  }

  /** Ends all tasks that wait, which nobody will wake any more. */
  void abandon() {
    for (Fiber fiber : List.copyOf(waiting)) {
      waiting.remove(fiber);
      fiber.abandoned = true;
      fiber.proceed();
    }
  }

  /** Ends all threads. */
  @Override
  public void close() {
    abandon();
    var all = new ArrayList<>(idle);
    idle.clear();
    all.forEach(Thread::interrupt);
  }

  /** Ends a task in the middle. Who catches it on the way cannot tell anybody: the host has ended. */
  private static final class Abandoned extends Error {
    Abandoned() {
      super("nobody waits for this any more", null, false, false);
    }
  }

  private final class Fiber extends Thread {
    private final Semaphore may = new Semaphore(0);
    private final Semaphore done = new Semaphore(0);
    private @Nullable Runnable task;
    private @Nullable Throwable thrown;
    private boolean abandoned;

    Fiber() {
      super("jaconet-simulation");
      setDaemon(true);
      start();
    }

    /** Called by the simulation's thread, which stands still meanwhile. */
    void proceed() {
      may.release();
      done.acquireUninterruptibly();
      var failure = thrown;
      thrown = null;
      if (failure != null) {
        throw new IllegalStateException("a task of a simulated host's executor threw", failure);
      }
    }

    void pause() {
      done.release();
      may.acquireUninterruptibly();
      if (abandoned) {
        throw new Abandoned();
      }
    }

    @Override
    public void run() {
      while (true) {
        try {
          may.acquire();
        } catch (InterruptedException closed) {
          return;
        }
        try {
          if (task != null) {
            task.run();
          }
        } catch (Abandoned ended) {
          // As it should be.
        } catch (Throwable t) {
          thrown = t;
        }
        task = null;
        abandoned = false;
        idle.push(this);
        done.release();
      }
    }
  }
}
