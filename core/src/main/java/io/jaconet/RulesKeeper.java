package io.jaconet;

import io.jaconet.event.EventLoop;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.spi.IptablesManager;
import java.io.IOException;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the packet filter's rules set, checked and, if that failed, set again.
 *
 * <p>Confined to the network's event loop; the manager is called on the I/O executor, one call at a time.
 */
final class RulesKeeper {
  private static final Logger log = LoggerFactory.getLogger(RulesKeeper.class);

  private final EventLoop loop;
  private final Executor io;
  private final IptablesManager manager;
  private final Consumer<@Nullable String> outcome;
  private @Nullable TrafficRules wanted;
  private @Nullable TrafficRules applied;
  private boolean busy;

  /** The {@code outcome} of each call is told on the loop: why it failed, null if it did not. */
  RulesKeeper(
      EventLoop loop, Executor io, IptablesManager manager, Consumer<@Nullable String> outcome) {
    this.loop = loop;
    this.io = io;
    this.manager = manager;
    this.outcome = outcome;
  }

  /** Wants {@code rules} from now on. */
  void want(TrafficRules rules) {
    wanted = rules;
    maintain();
  }

  /** Sets the wanted rules if they are not set yet, else has them checked. */
  void maintain() {
    var rules = wanted;
    if (busy || rules == null) {
      return;
    }
    busy = true;
    boolean set = rules.equals(applied);
    io.execute(() -> {
      String failure = set ? failureOf(this::check) : failureOf(() -> manager.apply(rules));
      loop.execute(() -> done(rules, failure));
    });
  }

  private void check() throws IOException {
    manager.check().forEach(mended -> log.info("mended: {}", mended));
  }

  private interface Call {
    void run() throws IOException;
  }

  private static @Nullable String failureOf(Call call) {
    try {
      call.run();
      return null;
    } catch (IOException | RuntimeException e) {
      return "packet filter: " + e.getMessage();
    }
  }

  private void done(TrafficRules rules, @Nullable String failure) {
    busy = false;
    applied = failure == null ? rules : null;
    outcome.accept(failure);
    if (failure == null && !rules.equals(wanted)) {
      maintain();
    }
  }
}
