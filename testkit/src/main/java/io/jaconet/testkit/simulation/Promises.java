package io.jaconet.testkit.simulation;

import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import io.jaconet.NetworkState.Phase;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.testkit.simulation.StoreLink.Trouble;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What has to hold at every moment. What is expected of a kernel is computed from the {@link StoreServer}'s books, by other code than the
 * library's. Confined to the simulation's thread.
 */
final class Promises {
  /** How soon a machine that was suspended notices. */
  private static final Duration AWAKENING = Duration.ofSeconds(1);

  /** How long health may say that all is well while something is not (invariant I19, for what nobody is told of). */
  private static final Duration SILENT_FAULT = Duration.ofSeconds(15);

  private final World world;
  private final NetworkConfig config;
  private final Duration leaseTtl;
  private final StoreServer server;
  private final Consumer<String> violation;
  private final Map<SimulatedHost, Sight> sights = new LinkedHashMap<>();

  Promises(
      World world,
      NetworkConfig config,
      Duration leaseTtl,
      StoreServer server,
      Consumer<String> violation) {
    this.world = world;
    this.config = config;
    this.leaseTtl = leaseTtl;
    this.server = server;
    this.violation = violation;
  }

  /** What was last seen of a host. */
  private static final class Sight {
    long graceUntil = Long.MIN_VALUE;
    long foulUntil = Long.MIN_VALUE;
    long troubleUntil = Long.MIN_VALUE;

    @Nullable
    Phase phase;
    /** What is wrong, and since when. */
    final Map<Object, Long> wrongs = new LinkedHashMap<>();

    long kernelVersion = -1;
    long serverVersion = -1;

    @Nullable
    Subnets compared;

    ImmutableSet<ForwardingEntry> difference = ImmutableSet.of();
    int fencings;
  }

  void watch(SimulatedHost host) {
    sights.put(host, new Sight());
  }

  private Sight sight(SimulatedHost host) {
    var sight = sights.get(host);
    if (sight == null) {
      throw new IllegalArgumentException("not a host of this cluster: " + host);
    }
    return sight;
  }

  /** Notes that a host wakes up from a sleep in which its monotonic clock stood still. */
  void wakes(SimulatedHost host) {
    sight(host).graceUntil = world.nanoTime() + AWAKENING.toNanos();
  }

  /** Notes that somebody writes over the record of {@code subnets} or deletes it, against all rules. */
  void foulPlay(Subnets subnets, long deadlineNanos) {
    sights.forEach((host, sight) -> {
      var network = host.network();
      if (network.isPresent() && network.get().lease().subnets().overlaps(subnets)) {
        sight.foulUntil = Math.max(sight.foulUntil, deadlineNanos);
      }
    });
  }

  /** Notes that something happens to a host for which it may have to stop its traffic. */
  void trouble(SimulatedHost host) {
    sight(host).troubleUntil = world.nanoTime() + leaseTtl.multipliedBy(2).toNanos();
  }

  /** Looks at all hosts. Called after every event. */
  void check() {
    List<SimulatedHost> using = new ArrayList<>();
    sights.forEach((host, sight) -> {
      var process = host.process();
      if (!host.isAwake() || process == null) {
        sight.wrongs.clear();
        sight.phase = null;
        return;
      }
      var carried = process.backend().carried();
      if (host.refusesKernelCalls()) {
        // What the kernel refuses to stop goes on.
        sight.graceUntil = Math.max(sight.graceUntil, world.nanoTime() + SILENT_FAULT.toNanos());
      }
      if (carried != null && sight.graceUntil < world.nanoTime()) {
        checkHolds(host, sight, carried);
        if (sight.foulUntil < world.nanoTime()) {
          using.add(host);
        }
      }
      checkHealth(host, sight);
    });
    checkDisjoint(using);
  }

  /** I13 and, since the books know one holder at most, I1. */
  private void checkHolds(SimulatedHost host, Sight sight, Subnets carried) {
    var holding = server.holding(carried.key());
    boolean holds = holding != null && host.name().equals(holding.holder());
    if (!holds && sight.foulUntil < world.nanoTime()) {
      violation.accept("I13: " + host + " uses " + carried + ", which "
          + (holding == null ? "nobody holds" : holding.holder() + " holds"));
    }
  }

  /** I1, without the books. */
  private void checkDisjoint(List<SimulatedHost> using) {
    for (int i = 0; i < using.size(); i++) {
      for (int j = i + 1; j < using.size(); j++) {
        var one = carried(using.get(i));
        var other = carried(using.get(j));
        if (one != null && other != null && one.overlaps(other)) {
          violation.accept("I1: both " + using.get(i) + " and " + using.get(j) + " use " + one
              + " and " + other);
        }
      }
    }
  }

  private static @Nullable Subnets carried(SimulatedHost host) {
    var process = host.process();
    return process == null ? null : process.backend().carried();
  }

  private void checkHealth(SimulatedHost host, Sight sight) {
    var process = host.process();
    var state = process == null ? null : process.state();
    var before = sight.phase;
    sight.phase = state == null ? null : state.phase();
    if (state == null) {
      sight.wrongs.clear();
      return;
    }
    if (sight.phase == Phase.FENCED && before != Phase.FENCED) {
      sight.fencings++;
      if (sight.troubleUntil < world.nanoTime() && sight.foulUntil < world.nanoTime()) {
        violation.accept("I12: " + host + " stopped its traffic without need");
      }
    }
    var wrong = whatIsWrong(host);
    sight.wrongs.keySet().retainAll(wrong);
    var bound = SILENT_FAULT.plus(host.link().slowness().multipliedBy(3));
    for (Object what : wrong) {
      long since = sight.wrongs.computeIfAbsent(what, first -> world.nanoTime());
      if (sight.phase == Phase.UP && world.nanoTime() - since > bound.toNanos()) {
        violation.accept("I19: " + host + " says that it is up, but since "
            + Duration.ofNanos(world.nanoTime() - since) + " this is wrong: " + what);
      }
    }
  }

  /**
   * Returns what is not as it should be with a host: words, or entries that its kernel lacks or has in excess. Empty if all is well (I3, I4,
   * I14: the kernel is what the store says).
   */
  ImmutableSet<?> whatIsWrong(SimulatedHost host) {
    var process = host.process();
    var network = process == null ? null : process.network();
    if (process == null || network == null) {
      return ImmutableSet.of("it has not joined");
    }
    var wrong = ImmutableSet.builder();
    if (host.link().trouble() != Trouble.NONE) {
      wrong.add("the store is out of reach");
    }
    var own = network.lease().subnets();
    if (!process.backend().carriesAllOf(network.lease())) {
      wrong.add("it carries nothing");
    }
    var holding = server.holding(own.key());
    if (holding == null || !host.name().equals(holding.holder())) {
      wrong.add("the lease is not its own");
    }
    return wrong.addAll(difference(host, own)).build();
  }

  private ImmutableSet<ForwardingEntry> difference(SimulatedHost host, Subnets own) {
    var sight = sight(host);
    if (sight.kernelVersion != host.kernel().version()
        || sight.serverVersion != server.version()
        || !own.equals(sight.compared)) {
      sight.kernelVersion = host.kernel().version();
      sight.serverVersion = server.version();
      sight.compared = own;
      sight.difference = compare(host, own);
    }
    return sight.difference;
  }

  private ImmutableSet<ForwardingEntry> compare(SimulatedHost host, Subnets own) {
    var difference = ImmutableSet.<ForwardingEntry>builder();
    for (IpFamily family : config.families()) {
      int link = host.kernel().peek(family).map(device -> device.index).orElse(0);
      Set<ForwardingEntry> expected = new HashSet<>();
      for (var holding : server.live()) {
        vtep(holding, own, family).ifPresent(vtep -> expected.addAll(vtep.entries(link)));
      }
      difference.addAll(Sets.symmetricDifference(expected, host.kernel().meaning(link)));
    }
    return difference.build();
  }

  private Optional<VtepRecord> vtep(StoreServer.Holding holding, Subnets own, IpFamily family) {
    var subnet = holding.subnets().prefix(family);
    var network = config.networks().get(family);
    var length = config.subnetLengths().get(family);
    if (holding.subnets().overlaps(own)
        || subnet.isEmpty()
        || network == null
        || length == null
        || !network.contains(subnet.get())
        || subnet.get().length() != length) {
      return Optional.empty();
    }
    try {
      var attributes = LeaseAttributes.parse(holding.value());
      return VtepRecord.of(
          new Lease(holding.subnets(), attributes, holding.holder(), 0, 0), family);
    } catch (IllegalArgumentException noLease) {
      return Optional.empty();
    }
  }

  /** Returns how often traffic was stopped. */
  int fencings() {
    return sights.values().stream().mapToInt(sight -> sight.fencings).sum();
  }
}
