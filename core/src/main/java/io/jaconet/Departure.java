package io.jaconet;

import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import java.io.IOException;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Leaves a network: data path first, then rules, then lease. Goes on after a failure.
 *
 * <p>Confined to the network's event loop; what may block runs on the I/O executor.
 */
final class Departure {
  private final Settings settings;
  private final Executor io;
  private final CloseMode mode;
  private final @Nullable Lease held;
  private final Consumer<@Nullable IOException> done;

  /**
   * @param held what is given back with {@link CloseMode#PURGE}, null for nothing
   * @param done is told the failures when all is over, null if there were none; on any thread
   */
  Departure(
      Settings settings,
      Executor io,
      CloseMode mode,
      @Nullable Lease held,
      Consumer<@Nullable IOException> done) {
    this.settings = settings;
    this.io = io;
    this.mode = mode;
    this.held = held;
    this.done = done;
  }

  void begin(DataPathKeeper dataPath, @Nullable RulesKeeper rules) {
    IOException failure = failureOf(() -> dataPath.close(mode));
    if (rules == null) {
      leave(failure);
    } else {
      rules.stop(() -> leave(failure));
    }
  }

  private void leave(@Nullable IOException failure) {
    if (mode == CloseMode.KEEP) {
      done.accept(failure);
      return;
    }
    // The kernel comes first: a subnet that is still routed here must not be free for others.
    boolean release = mode == CloseMode.PURGE && held != null && failure == null;
    io.execute(() -> done.accept(removeRulesAndRelease(release ? held : null, failure)));
  }

  private @Nullable IOException removeRulesAndRelease(
      @Nullable Lease lease, @Nullable IOException soFar) {
    var manager = settings.iptablesManager();
    IOException failure = soFar;
    if (manager != null) {
      failure = both(failure, failureOf(manager::remove));
    }
    if (lease != null) {
      failure = both(failure, failureOf(() -> settings.subnetManager().release(lease)));
    }
    return failure;
  }

  private interface Action {
    void run() throws IOException;
  }

  private static @Nullable IOException failureOf(Action action) {
    try {
      action.run();
      return null;
    } catch (IOException e) {
      return e;
    } catch (RuntimeException | Error e) {
      // What others' code throws must not keep the network from ending.
      return new IOException(e.toString(), e);
    }
  }

  private static @Nullable IOException both(
      @Nullable IOException first, @Nullable IOException second) {
    if (first == null || second == null) {
      return first == null ? second : first;
    }
    first.addSuppressed(second);
    return first;
  }
}
