package io.jaconet.flanneld;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** SIGTERM and SIGINT: the first asks the daemon to end within 5 s, the second ends the process at once. */
final class Termination {
  private static final Logger log = LoggerFactory.getLogger(Termination.class);
  private static final Duration LIMIT = Duration.ofMillis(4500);
  private static final int BY_SIGNAL = 128;

  private final CompletableFuture<@Nullable Void> asked = new CompletableFuture<>();
  private final AtomicBoolean first = new AtomicBoolean(true);

  private Termination() {}

  /** Takes both signals over from the JVM, which would end with exit status 143 and heed no second one. */
  static Termination bySignal() {
    var termination = new Termination();
    for (var name : new String[] {"TERM", "INT"}) {
      Signals.handle(name, number -> termination.take(name, number));
    }
    return termination;
  }

  private void take(String name, int number) {
    if (!first.getAndSet(false)) {
      Runtime.getRuntime().halt(BY_SIGNAL + number);
    }
    log.info("SIG{}: ends, traffic goes on. A second signal ends it at once", name);
    var watchdog = Executors.newSingleThreadScheduledExecutor(task -> {
      var thread = new Thread(task, "flanneld-watchdog");
      thread.setDaemon(true);
      return thread;
    });
    var unused = watchdog.schedule(
        () -> Runtime.getRuntime().halt(1), LIMIT.toNanos(), TimeUnit.NANOSECONDS);
    asked.complete(null);
  }

  /** Returns a future that is done when the first signal has come. */
  CompletableFuture<@Nullable Void> asked() {
    return asked;
  }
}
