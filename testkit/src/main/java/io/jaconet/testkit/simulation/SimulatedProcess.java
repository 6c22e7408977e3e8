package io.jaconet.testkit.simulation;

import io.jaconet.Jaconet;
import io.jaconet.NetworkState;
import io.jaconet.OverlayNetwork;
import io.jaconet.event.EventLoop;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** One run of the network on a simulated host, from start to its end: the engine's event loop, and what hangs on it. */
final class SimulatedProcess implements EventLoop {
  private final World world;
  private final Fibers fibers;
  private final SimulatedHost host;
  private final RandomGenerator random;
  private final SimulatedBackend backend;
  private final SubnetManager manager;
  private final CompletableFuture<OverlayNetwork> joining;
  private boolean inLoop;
  private boolean ended;
  private boolean closing;

  SimulatedProcess(
      World world,
      Fibers fibers,
      SimulatedHost host,
      NetworkConfig config,
      Duration leaseTtl,
      SubnetManagerFactory managers,
      RandomGenerator random) {
    this.world = world;
    this.fibers = fibers;
    this.host = host;
    this.random = random;
    this.backend = new SimulatedBackend(host.kernel(), config, host.addresses());
    this.manager = managers.over(host.link().client(this), leaseTtl, this::executeIo, random);
    var builder = Jaconet.builder()
        .name(host.name())
        .nodeId(host.name())
        .config(config)
        .subnetManager(manager)
        .backendProvider(provider())
        .random(random)
        .eventLoop(this, this::executeIo);
    host.lastSubnets().ifPresent(builder::previousSubnets);
    this.joining = builder.join();
    var unused = joining.whenComplete((network, failure) -> {
      if (failure != null) {
        ended(failure);
      }
    });
  }

  private BackendProvider provider() {
    return new BackendProvider() {
      @Override
      public String type() {
        return VtepRecord.TYPE;
      }

      @Override
      public Backend create(Context context) {
        return backend;
      }
    };
  }

  private void ended(@Nullable Throwable cause) {
    // The manager is closed by the next event: this one may come from one of its calls.
    world.execute(() -> {
      if (!ended) {
        end();
        closeManager();
        host.processEnded(cause instanceof CompletionException ? cause.getCause() : cause);
      }
    });
  }

  private void closeManager() {
    try {
      manager.close();
    } catch (IOException e) {
      throw new IllegalStateException("a subnet manager could not be closed", e);
    }
  }

  /** Ends it without a chance to do anything more. */
  void end() {
    ended = true;
  }

  void close(CloseMode mode) {
    closing = true;
    if (!joining.isDone()) {
      joining.cancel(false);
      return;
    }
    var unused = joining.join().closeAsync(mode).whenComplete((nothing, failure) -> ended(failure));
  }

  boolean isClosing() {
    return closing;
  }

  @Nullable
  OverlayNetwork network() {
    return joining.isDone() && !joining.isCompletedExceptionally() ? joining.join() : null;
  }

  /** Returns the state, null while it has not joined. */
  @Nullable
  NetworkState state() {
    var network = network();
    return network == null ? null : network.state();
  }

  SimulatedBackend backend() {
    return backend;
  }

  /** Runs {@code task} now, or once the host goes on, unless the process has ended by then. */
  void whenRunning(Runnable task) {
    host.whenAwake(() -> {
      if (!ended) {
        task.run();
      }
    });
  }

  private void executeIo(Runnable task) {
    world.schedule(
        Duration.ofNanos(random.nextInt(200_000)), () -> whenRunning(() -> fibers.run(task)));
  }

  @Override
  public long nanoTime() {
    return host.monotonicNanos();
  }

  @Override
  public Instant now() {
    return host.wallClock();
  }

  @Override
  public void execute(Runnable task) {
    schedule(Duration.ZERO, task);
  }

  @Override
  public Timer schedule(Duration delay, Runnable task) {
    var timer = new LoopTimer(nanoTime() + Math.max(0, delay.toNanos()), task);
    timer.start();
    return timer;
  }

  @Override
  public boolean inEventLoop() {
    return inLoop;
  }

  /** A task that is due by the host's own clock, which may stand still meanwhile. */
  private final class LoopTimer implements Timer {
    private final long dueNanos;
    private final Runnable task;
    private @Nullable Timer timer;
    private boolean cancelled;

    LoopTimer(long dueNanos, Runnable task) {
      this.dueNanos = dueNanos;
      this.task = task;
    }

    void start() {
      timer = world.schedule(
          Duration.ofNanos(Math.max(0, dueNanos - nanoTime())), () -> whenRunning(this::fire));
    }

    private void fire() {
      if (cancelled) {
        return;
      }
      if (nanoTime() < dueNanos) {
        start();
        return;
      }
      inLoop = true;
      try {
        task.run();
      } finally {
        inLoop = false;
      }
    }

    @Override
    public void cancel() {
      cancelled = true;
      if (timer != null) {
        timer.cancel();
      }
    }
  }
}
