package io.jaconet;

import io.jaconet.event.EventLoop;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.overlay.UnderlayGuard;
import io.jaconet.spi.IptablesManager;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the packet filter's rules set, checked whenever the manager says so and, if that failed, set again.
 *
 * <p>Confined to the network's event loop; the manager is called on the I/O executor, one call at a time.
 */
final class RulesKeeper {
  private static final Logger log = LoggerFactory.getLogger(RulesKeeper.class);

  private final EventLoop loop;
  private final Executor io;
  private final IptablesManager manager;
  private final boolean guarded;
  private final Consumer<@Nullable String> outcome;
  private @Nullable TrafficRules wanted;
  private @Nullable UnderlayGuard wantedGuard;
  private @Nullable Settled settled;
  private @Nullable Closeable watch;
  private @Nullable Runnable whenIdle;
  private boolean busy;
  private boolean checkDue;

  /** What the manager has done. */
  private record Settled(TrafficRules rules, @Nullable UnderlayGuard guard) {}

  /**
   * Creates one that does nothing yet.
   *
   * @param guarded whether {@link #guard} will be called; until then, the guard of an earlier run stays
   * @param outcome is told on the loop of each call: why it failed, null if it did not
   */
  RulesKeeper(
      EventLoop loop,
      Executor io,
      IptablesManager manager,
      boolean guarded,
      Consumer<@Nullable String> outcome) {
    this.loop = loop;
    this.io = io;
    this.manager = manager;
    this.guarded = guarded;
    this.outcome = outcome;
  }

  /** Wants {@code rules} from now on. */
  void want(TrafficRules rules) {
    wanted = rules;
    maintain();
  }

  /** Wants {@code guard} as well from now on. */
  void guard(UnderlayGuard guard) {
    wantedGuard = guard;
    maintain();
  }

  private void checkIsDue() {
    checkDue = true;
    maintain();
  }

  /** Does what is wanted and not done yet, and the check that is due. */
  void maintain() {
    var rules = wanted;
    if (busy || whenIdle != null || rules == null) {
      return;
    }
    var done = settled;
    var goal = new Settled(rules, wantedGuard);
    if (watch != null && goal.equals(done) && !checkDue) {
      return;
    }
    busy = true;
    boolean check = checkDue;
    checkDue = false;
    boolean watched = watch != null;
    io.execute(() -> {
      long start = System.nanoTime();
      var opened = new Opened();
      String failure = failureOf(() -> {
        if (!watched) {
          opened.watch = manager.watch(() -> loop.execute(this::checkIsDue));
        }
        settle(done, goal, check);
      });
      var took = Duration.ofNanos(System.nanoTime() - start);
      loop.execute(() -> ended(goal, opened.watch, failure, took));
    });
  }

  /** What a call on the I/O executor may have opened. */
  private static final class Opened {
    @Nullable
    Closeable watch;
  }

  private void settle(@Nullable Settled done, Settled goal, boolean check) throws IOException {
    boolean applied = done != null && done.rules().equals(goal.rules());
    if (!applied) {
      manager.apply(goal.rules());
    } else if (check) {
      manager.check().forEach(mended -> log.info("mended: {}", mended));
    }
    boolean decided = !guarded || goal.guard() != null;
    if (decided && (done == null || !Objects.equals(done.guard(), goal.guard()))) {
      manager.guard(goal.guard());
    }
  }

  private interface Call {
    void run() throws IOException;
  }

  private static @Nullable String failureOf(Call call) {
    try {
      call.run();
      return null;
    } catch (IOException | RuntimeException | Error e) {
      // An unanswered call would be the last one.
      return "packet filter: " + DataPathKeeper.describe(e);
    }
  }

  private void ended(
      Settled goal, @Nullable Closeable opened, @Nullable String failure, Duration took) {
    busy = false;
    if (opened != null) {
      watch = opened;
    }
    settled = failure == null ? goal : null;
    if (whenIdle != null) {
      end(whenIdle);
      return;
    }
    outcome.accept(failure);
    if (failure == null) {
      if (checkDue) {
        // Whoever changes the packet filter all the time must not keep us busy all the time.
        loop.schedule(took, this::maintain);
      } else {
        maintain();
      }
    }
  }

  /** Calls the manager no more, and runs {@code then} on the loop once no call is under way. */
  void stop(Runnable then) {
    whenIdle = then;
    if (!busy) {
      end(then);
    }
  }

  private void end(Runnable then) {
    var closing = watch;
    watch = null;
    if (closing != null) {
      try {
        closing.close();
      } catch (IOException e) {
        log.warn("the watch of the packet filter could not be closed: {}", e.getMessage());
      }
    }
    then.run();
  }
}
