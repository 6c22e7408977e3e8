package io.jaconet.testkit.simulation;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.NetworkState.Phase;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Hosts of one network in virtual time. The engine is the real one, and so is whatever makes the subnet managers; kernels, clocks and the
 * connections to the store are simulated. Nothing happens but in {@link #advance}, and all that happens follows from the seed and from what
 * the hosts are told to do.
 *
 * <p>After every event it is checked that
 *
 * <ul>
 *   <li>no two hosts use one subnet, and none uses a subnet that it does not hold (I1, I13),
 *   <li>no write of a host that does not hold a record has changed it (I2),
 *   <li>nobody says {@code UP} for longer than 15 seconds while traffic does not flow, the lease is not held, the store is out of reach, or
 *       the kernel is not what the store says (I3, I4, I14, I15, I19),
 *   <li>nobody stops its traffic without need (I12).
 * </ul>
 *
 * A host counts while it is awake and a process of it runs: what a kernel does whose process was killed, nobody can stop. What is broken
 * is thrown by {@code advance} as an {@link AssertionError}.
 *
 * <p>Confined to one thread. Closing ends the threads that it needs for code that blocks.
 */
public final class SimulatedCluster implements AutoCloseable {
  private static final ImmutableList<String> V4_UNDERLAYS =
      ImmutableList.of("192.0.2.0", "198.51.100.0");

  private final World world = new World();
  private final Fibers fibers;
  private final boolean ownsFibers;
  private final NetworkConfig config;
  private final Duration leaseTtl;
  private final SubnetManagerFactory managers;
  private final SplittableRandom random;
  private final StoreServer server;
  private final Promises promises;
  private final ImmutableList<SimulatedHost> hosts;
  private @Nullable String violation;
  private int strangers;

  private SimulatedCluster(Builder builder, long seed, @Nullable Fibers shared) {
    ownsFibers = shared == null;
    fibers = shared == null ? new Fibers() : shared;
    config = builder.config;
    leaseTtl = builder.leaseTtl;
    managers = builder.managers;
    random = new SplittableRandom(seed);
    server = new StoreServer(world, builder.stores.open(world), this::violated);
    promises = new Promises(world, config, leaseTtl, server, this::violated);
    var made = ImmutableList.<SimulatedHost>builder();
    for (int n = 1; n <= builder.hosts; n++) {
      var name = "host-" + n;
      var link = new StoreLink(world, fibers, server, name, random.split());
      var host = new SimulatedHost(this, name, addresses(n), link);
      promises.watch(host);
      made.add(host);
    }
    hosts = made.build();
    world.afterEvent(promises::check);
  }

  /** Returns a builder of clusters over stores of {@code stores}, with subnet managers of {@code managers}. */
  public static Builder builder(SharedStore.Factory stores, SubnetManagerFactory managers) {
    return new Builder(stores, managers);
  }

  private ImmutableMap<IpFamily, IpAddress> addresses(int n) {
    var addresses = ImmutableMap.<IpFamily, IpAddress>builder();
    for (IpFamily family : config.families()) {
      var first = family == IpFamily.V4 ? V4_UNDERLAYS.get((n - 1) / 250) : "2001:db8::";
      addresses.put(
          family, IpAddress.parse(first).plus(family == IpFamily.V4 ? 1 + (n - 1) % 250 : n));
    }
    return addresses.buildOrThrow();
  }

  void violated(String what) {
    if (violation == null) {
      violation = "after " + Duration.ofNanos(world.nanoTime()) + ": " + what;
    }
  }

  SimulatedProcess newProcess(SimulatedHost host) {
    return new SimulatedProcess(world, fibers, host, config, leaseTtl, managers, random.split());
  }

  /** Returns the hosts, {@code host-1} first; none has been started. */
  public ImmutableList<SimulatedHost> hosts() {
    return hosts;
  }

  /** Returns the n-th host, counting from 1. */
  public SimulatedHost host(int n) {
    return hosts.get(n - 1);
  }

  /** Returns how long a lease lasts unless renewed. */
  public Duration leaseTtl() {
    return leaseTtl;
  }

  /** Returns a number that no stranger, who writes records without being a host of this cluster, has had before. */
  int nextStranger() {
    return ++strangers;
  }

  NetworkConfig config() {
    return config;
  }

  Promises promises() {
    return promises;
  }

  long nanoTime() {
    return world.nanoTime();
  }

  Instant now() {
    return world.now();
  }

  /** Returns how long the cluster has lived, in its own time. */
  public Duration elapsed() {
    return Duration.ofNanos(world.nanoTime());
  }

  /** Returns how many events there were. */
  public long events() {
    return world.events();
  }

  /** Returns how many records were written. */
  public int storeWrites() {
    return server.writes();
  }

  /** Returns how often a host stopped its traffic, because its lease had ended or seemed to. */
  public int fencings() {
    return promises.fencings();
  }

  /**
   * Lets time pass.
   *
   * @throws AssertionError if a promise was broken, now or before
   */
  public void advance(Duration duration) {
    try {
      world.advance(duration);
    } catch (RuntimeException thrown) {
      throw new AssertionError(
          "after " + elapsed() + ": a task of a host's event loop or executor threw", thrown);
    }
    promises.check();
    if (violation != null) {
      throw new AssertionError(violation);
    }
  }

  /** Has {@code action} done as an event of its own, at the end of {@code delay}. */
  void schedule(Duration delay, Runnable action) {
    var unused = world.schedule(delay, action);
  }

  /** Forgets the history of the store: watches that have not seen all of it fail. */
  public void compactStore() {
    server.compact();
  }

  /** Writes a record as a program does that keeps to no rule. A host that held it has lost it. */
  public void overwriteRecord(String key, String value, @Nullable Duration timeToLive) {
    foulPlay(key);
    try {
      server.overwrite(key, value, timeToLive);
    } catch (IOException e) {
      throw new IllegalStateException("the store refused", e);
    }
  }

  /** Deletes a record as a program does that keeps to no rule. A host that held it has lost it. */
  public void deleteRecord(String key) {
    foulPlay(key);
    try {
      server.deleteByHand(key);
    } catch (IOException e) {
      throw new IllegalStateException("the store refused", e);
    }
  }

  private void foulPlay(String key) {
    var holding = server.holding(key);
    if (holding != null) {
      promises.foulPlay(holding.subnets(), holding.deadlineNanos());
    }
  }

  /** Returns the subnets of all live records, in the order in which they came. */
  public ImmutableList<Subnets> held() {
    return server.live().stream()
        .map(StoreServer.Holding::subnets)
        .collect(ImmutableList.toImmutableList());
  }

  /**
   * Lets time pass until every running process is up and every kernel is what the store says.
   *
   * @return how long that took, to the second
   * @throws AssertionError if it took longer than {@code limit}
   */
  public Duration settle(Duration limit) {
    Duration taken = Duration.ZERO;
    for (var unsettled = unsettled(); !unsettled.isEmpty(); unsettled = unsettled()) {
      if (taken.compareTo(limit) >= 0) {
        throw new AssertionError(
            "not settled after " + limit + ": " + String.join("; ", unsettled));
      }
      advance(Duration.ofSeconds(1));
      taken = taken.plusSeconds(1);
    }
    return taken;
  }

  private List<String> unsettled() {
    List<String> unsettled = new ArrayList<>();
    for (SimulatedHost host : hosts) {
      var process = host.process();
      if (process == null) {
        continue;
      }
      var state = process.state();
      var wrong = promises.whatIsWrong(host);
      if (!wrong.isEmpty()) {
        unsettled.add(host + ": " + wrong);
      } else if (state == null || state.phase() != Phase.UP) {
        unsettled.add(host + " is not up, but nothing is wrong");
      }
    }
    return unsettled;
  }

  @Override
  public void close() {
    fibers.abandon();
    if (ownsFibers) {
      fibers.close();
    }
  }

  /** Says how many hosts there are, and of which network. */
  public static final class Builder {
    private final SharedStore.Factory stores;
    private final SubnetManagerFactory managers;
    private NetworkConfig config = NetworkConfig.builder()
        .network("10.244.0.0/16")
        .backend(VtepRecord.TYPE)
        .build();
    private Duration leaseTtl = Duration.ofMinutes(1);
    private int hosts = 3;

    private Builder(SharedStore.Factory stores, SubnetManagerFactory managers) {
      this.stores = stores;
      this.managers = managers;
    }

    /** Sets the number of hosts, 1 to 500; 3 unless set. */
    public Builder hosts(int hosts) {
      checkArgument(hosts >= 1 && hosts <= 500, "%s hosts", hosts);
      this.hosts = hosts;
      return this;
    }

    /** Sets the network, of backend type {@code vxlan}; 10.244.0.0/16 unless set. */
    public Builder config(NetworkConfig config) {
      checkArgument(
          config.backendType().equals(VtepRecord.TYPE),
          "the backend type '%s' is not simulated",
          config.backendType());
      this.config = config;
      return this;
    }

    /** Sets how long a lease lasts unless renewed; one minute unless set. */
    public Builder leaseTtl(Duration leaseTtl) {
      checkArgument(leaseTtl.compareTo(Duration.ofSeconds(10)) >= 0, "%s is below 10 s", leaseTtl);
      this.leaseTtl = leaseTtl;
      return this;
    }

    /** Returns a cluster whose chances follow from {@code seed}. */
    public SimulatedCluster build(long seed) {
      return build(seed, null);
    }

    SimulatedCluster build(long seed, @Nullable Fibers fibers) {
      checkState(hosts > 0, "no hosts");
      return new SimulatedCluster(this, seed, fibers);
    }
  }
}
