package io.jaconet;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.Backoff;
import io.jaconet.event.EventLoop;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a watch of all leases going: begins anew, after a wait, whenever one fails.
 *
 * <p>Confined to the network's event loop; calls to the store run on the I/O executor.
 */
final class StoreWatch {
  private static final Duration FIRST_RETRY = Duration.ofMillis(100);

  /**
   * However long the store is away, it is asked about every second, as by flanneld: it may be back, and is to be noticed within 2 s.
   */
  static final Duration LAST_RETRY = Duration.ofMillis(1600);

  /** A watch that did not live so long is no reason to begin the next one at once. */
  private static final Duration STEADY = Duration.ofSeconds(10);

  private final EventLoop loop;
  private final Executor io;
  private final SubnetManager subnetManager;
  private final Backoff backoff;
  private final Listener listener;
  private @Nullable Attempt current;
  private EventLoop.@Nullable Timer timer;

  StoreWatch(
      EventLoop loop,
      Executor io,
      SubnetManager subnetManager,
      RandomGenerator random,
      Listener listener) {
    this.loop = loop;
    this.io = io;
    this.subnetManager = subnetManager;
    this.backoff = new Backoff(FIRST_RETRY, LAST_RETRY, random);
    this.listener = listener;
  }

  /** Watches; what an earlier watch may still say is not heard any more. */
  void restart() {
    stop();
    var attempt = new Attempt();
    current = attempt;
    io.execute(() -> {
      try {
        attempt.begin();
      } catch (IOException | RuntimeException | Error e) {
        // Whatever it is, without a word of it the watch would never begin anew.
        loop.execute(() -> failed(attempt, e));
      }
    });
  }

  /** Ends the watch. */
  void stop() {
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
    var watch = current == null ? null : current.end();
    current = null;
    if (watch != null) {
      io.execute(watch::close);
    }
  }

  private void failed(Attempt attempt, Throwable cause) {
    if (attempt == current) {
      if (attempt.isSteady()) {
        backoff.reset();
      }
      stop();
      timer = loop.schedule(backoff.next(), this::restart);
      listener.watchFailed(cause);
    }
  }

  /**
   * A watch from when it is asked for. Carries what the store says to the loop, as long as it is the current one. It may end before the
   * store has begun it, and then is closed where it begins: loop and executor may have stopped by that time.
   */
  private final class Attempt implements SubnetManager.Watcher {
    private SubnetManager.@Nullable Watch watch;
    private boolean ended;

    /** Whether all leases were known once, and since when. Confined to the loop. */
    private boolean known;

    private long knownNanos;

    boolean isSteady() {
      return known && loop.nanoTime() - knownNanos > STEADY.toNanos();
    }

    /** Called on the I/O executor. */
    void begin() throws IOException {
      var begun = subnetManager.watch(this);
      boolean late;
      synchronized (this) {
        late = ended;
        watch = late ? null : begun;
      }
      if (late) {
        begun.close();
      }
    }

    /** Returns what is to be closed, null if nothing is yet. */
    synchronized SubnetManager.@Nullable Watch end() {
      ended = true;
      return watch;
    }

    private void onLoop(Runnable task) {
      loop.execute(() -> {
        if (this == current) {
          task.run();
        }
      });
    }

    @Override
    public void onSnapshot(
        ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
      onLoop(() -> {
        if (!known) {
          known = true;
          knownNanos = loop.nanoTime();
        }
        listener.snapshot(leases, unreadable);
      });
    }

    @Override
    public void onEvents(ImmutableList<LeaseEvent> events) {
      onLoop(() -> listener.events(events));
    }

    @Override
    public void onFailure(IOException cause) {
      loop.execute(() -> failed(this, cause));
    }
  }

  /** Is told on the loop. */
  interface Listener {

    /** All leases there are. */
    void snapshot(ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable);

    /** What has changed since. */
    void events(ImmutableList<LeaseEvent> events);

    /** Changes are not seen any more, until the next snapshot. */
    void watchFailed(Throwable cause);
  }
}
