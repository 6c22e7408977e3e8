package io.jaconet;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.Backoff;
import io.jaconet.event.EventLoop;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a watch of all leases going: begins anew, after a wait, whenever one fails.
 *
 * <p>Confined to the network's event loop; calls to the store run on the I/O executor.
 */
final class StoreWatch {
  private final EventLoop loop;
  private final Executor io;
  private final SubnetManager subnetManager;
  private final Backoff backoff;
  private final Listener listener;
  private SubnetManager.@Nullable Watch watch;
  private EventLoop.@Nullable Timer timer;
  private int generation;

  StoreWatch(
      EventLoop loop,
      Executor io,
      SubnetManager subnetManager,
      Backoff backoff,
      Listener listener) {
    this.loop = loop;
    this.io = io;
    this.subnetManager = subnetManager;
    this.backoff = backoff;
    this.listener = listener;
  }

  /** Watches; what an earlier watch may still say is not heard any more. */
  void restart() {
    stop();
    int started = generation;
    var watcher = new Watcher(started);
    io.execute(() -> {
      try {
        var begun = subnetManager.watch(watcher);
        loop.execute(() -> begun(started, begun));
      } catch (IOException | RuntimeException e) {
        loop.execute(() -> failed(started, e));
      }
    });
  }

  /** Ends the watch. */
  void stop() {
    generation++;
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
    if (watch != null) {
      io.execute(watch::close);
      watch = null;
    }
  }

  private void begun(int started, SubnetManager.Watch begun) {
    if (started == generation) {
      watch = begun;
    } else {
      io.execute(begun::close);
    }
  }

  private void failed(int started, Exception cause) {
    if (started == generation) {
      stop();
      timer = loop.schedule(backoff.next(), this::restart);
      listener.watchFailed(cause);
    }
  }

  /** Carries what the store says to the loop, as long as its watch is the current one. */
  private final class Watcher implements SubnetManager.Watcher {
    private final int started;

    Watcher(int started) {
      this.started = started;
    }

    private void onLoop(Runnable task) {
      loop.execute(() -> {
        if (started == generation) {
          task.run();
        }
      });
    }

    @Override
    public void onSnapshot(
        ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
      onLoop(() -> {
        backoff.reset();
        listener.snapshot(leases, unreadable);
      });
    }

    @Override
    public void onEvents(ImmutableList<LeaseEvent> events) {
      onLoop(() -> listener.events(events));
    }

    @Override
    public void onFailure(IOException cause) {
      loop.execute(() -> failed(started, cause));
    }
  }

  /** Is told on the loop. */
  interface Listener {

    /** All leases there are. */
    void snapshot(ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable);

    /** What has changed since. */
    void events(ImmutableList<LeaseEvent> events);

    /** Changes are not seen any more, until the next snapshot. */
    void watchFailed(Exception cause);
  }
}
