package io.jaconet.testkit.simulation;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import io.jaconet.OverlayNetwork;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.PublicIpInUseException;
import io.jaconet.overlay.Subnets;
import io.jaconet.testkit.simulation.StoreLink.Trouble;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A host of a {@link SimulatedCluster}: a machine with a kernel, clocks and a connection to the store, on which a process of the real engine
 * runs, ends and starts again. Confined to the simulation's thread.
 */
public final class SimulatedHost {
  private final SimulatedCluster cluster;
  private final String name;
  private final ImmutableMap<IpFamily, IpAddress> addresses;
  private final SimulatedKernel kernel = new SimulatedKernel();
  private final StoreLink link;
  private final List<Runnable> deferred = new ArrayList<>();
  private @Nullable SimulatedProcess process;
  private @Nullable Subnets lastSubnets;
  private @Nullable Throwable lastFailure;
  private Duration wallOffset = Duration.ZERO;
  private boolean asleep;
  private boolean monotonicStands;
  private long asleepSinceNanos;
  private long monotonicLag;
  private long clocksChangedNanos = Long.MIN_VALUE / 2;
  private boolean refusesCalls;

  SimulatedHost(
      SimulatedCluster cluster,
      String name,
      ImmutableMap<IpFamily, IpAddress> addresses,
      StoreLink link) {
    this.cluster = cluster;
    this.name = name;
    this.addresses = addresses;
    this.link = link;
  }

  /** Returns the name, which is also the node id. */
  public String name() {
    return name;
  }

  ImmutableMap<IpFamily, IpAddress> addresses() {
    return addresses;
  }

  /** Returns the kernel, to see what is there, to damage it, or to have calls refused. */
  public SimulatedKernel kernel() {
    return kernel;
  }

  StoreLink link() {
    return link;
  }

  @Nullable
  SimulatedProcess process() {
    return process;
  }

  /** Returns the network, if a process has joined it. */
  public Optional<OverlayNetwork> network() {
    return Optional.ofNullable(process == null ? null : process.network());
  }

  /** Returns why the last process ended by itself, such as a join that was refused. */
  public Optional<Throwable> lastFailure() {
    return Optional.ofNullable(lastFailure);
  }

  /** Returns the subnets it had last, which a process finds in its subnet file. */
  Optional<Subnets> lastSubnets() {
    return Optional.ofNullable(lastSubnets);
  }

  /** Starts a process that joins, unless one runs. */
  public void start() {
    if (process == null) {
      trouble();
      process = cluster.newProcess(this);
    }
  }

  /** Ends the process in the middle of whatever it does. The kernel stays as it is. */
  public void kill() {
    var running = process;
    if (running != null) {
      remember();
      trouble();
      running.end();
      process = null;
    }
  }

  /** Has the process leave the network; it ends when that is done. */
  public void close(CloseMode mode) {
    if (process != null && !process.isClosing()) {
      remember();
      trouble();
      process.close(mode);
    }
  }

  void processEnded(@Nullable Throwable cause) {
    remember();
    if (cause instanceof NoFreeSubnetException || cause instanceof PublicIpInUseException) {
      cluster.violated("I16: the process of " + name + " ended by itself: " + cause);
    }
    process = null;
    lastFailure = cause;
  }

  private void remember() {
    network().ifPresent(network -> lastSubnets = network.lease().subnets());
  }

  /** Stops the machine, kernel and all, as a hypervisor does. Both clocks go on. */
  public void pause() {
    sleep(false);
  }

  /** Suspends the machine: it stands still, and so does its monotonic clock. The wall clock goes on. */
  public void suspend() {
    sleep(true);
  }

  private void sleep(boolean standing) {
    trouble();
    if (!asleep) {
      asleep = true;
      monotonicStands = standing;
      asleepSinceNanos = cluster.nanoTime();
    }
  }

  /** Ends {@link #pause} or {@link #suspend}: what fell due meanwhile happens now. */
  public void resume() {
    if (!asleep) {
      return;
    }
    trouble();
    clocksChangedNanos = cluster.nanoTime();
    asleep = false;
    if (monotonicStands) {
      cluster.promises().wakes(this);
      monotonicLag += cluster.nanoTime() - asleepSinceNanos;
    }
    var due = List.copyOf(deferred);
    deferred.clear();
    due.forEach(Runnable::run);
  }

  private void trouble() {
    cluster.promises().trouble(this);
  }

  boolean isAwake() {
    return !asleep;
  }

  void whenAwake(Runnable task) {
    if (asleep) {
      deferred.add(task);
    } else {
      task.run();
    }
  }

  long monotonicNanos() {
    long now = asleep && monotonicStands ? asleepSinceNanos : cluster.nanoTime();
    return now - monotonicLag;
  }

  Instant wallClock() {
    return cluster.now().plus(wallOffset);
  }

  /** Steps the wall clock, forwards or backwards. */
  public void stepWallClock(Duration step) {
    trouble();
    clocksChangedNanos = cluster.nanoTime();
    wallOffset = wallOffset.plus(step);
  }

  /** Returns whether a change of one clock now is not hidden by one of the other: that is where nobody can tell any more. */
  boolean clocksAreQuiet() {
    return !asleep
        && cluster.nanoTime() - clocksChangedNanos > Duration.ofSeconds(2).toNanos();
  }

  /** Has every call to the store refused at once, until {@link #healStore}. */
  public void refuseStore() {
    trouble();
    link.cut(Trouble.REFUSED);
  }

  /** Lets nothing pass between host and store, and nobody know, until {@link #healStore}; then what was sent arrives after all. */
  public void blackHoleStore() {
    trouble();
    link.cut(Trouble.BLACK_HOLE);
  }

  /** Lets requests pass to the store, and no answers and events back, until {@link #healStore}. */
  public void loseAnswersOfStore() {
    trouble();
    link.cut(Trouble.ANSWERS_LOST);
  }

  /** Lets every message between host and store take up to {@code longest} longer; zero for as fast as usual. */
  public void slowStore(Duration longest) {
    checkArgument(!longest.isNegative(), "a negative time: %s", longest);
    trouble();
    link.slowDown(longest);
  }

  /** Lets some writes reach the store a second time, up to two minutes later, and every event come twice. */
  public void repeatMessages(boolean repeats) {
    link.repeat(repeats);
  }

  /** Ends all watches. */
  public void breakWatches() {
    link.breakStreams("the watch was cut");
  }

  /** Ends what the other methods did to the connection, except slowness and repetition. */
  public void healStore() {
    trouble();
    link.heal();
  }

  /** Answers every call of the kernel for which {@code errno} is not 0 with that error, until that is 0. */
  void refuseKernelCalls(int errno, String call) {
    refusesCalls = errno != 0;
    kernel.refuse(name -> name.equals(call) ? errno : 0);
  }

  boolean refusesKernelCalls() {
    return refusesCalls;
  }

  @Override
  public String toString() {
    var state = process == null ? null : process.state();
    return name + (asleep ? " asleep" : "") + " "
        + (process == null ? "off" : state == null ? "joining" : state);
  }
}
