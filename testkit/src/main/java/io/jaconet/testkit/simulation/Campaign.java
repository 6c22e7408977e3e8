package io.jaconet.testkit.simulation;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Many episodes of a {@link SimulatedCluster}, each of which follows from a seed: hosts join at the same moment, then processes are killed
 * and closed, the store is out of reach, slow and repeats what it was told, machines and clocks stand still and leap, records are bad or
 * taken away, kernels lose what they had and refuse calls. In the end all that is over, and all hosts have to be well again.
 *
 * <p>An episode that breaks a promise is told with the fewest steps that still break one. Confined to one thread.
 */
public final class Campaign {
  private static final Duration LEASE_TTL = Duration.ofMinutes(1);
  private static final Duration END_OF_TROUBLE = LEASE_TTL.multipliedBy(5);
  private static final int STEPS = 16;
  private static final int MOST_HOSTS = 5;
  private static final int LONGEST_SEARCH = 150;

  /** How long after the last trouble all has to be well: what failed is tried again every 10 seconds at least. */
  private static final Duration RECOVERY = Duration.ofSeconds(30);

  private static final NetworkConfig V4 = NetworkConfig.parse(
      "{\"Network\":\"10.244.0.0/16\",\"SubnetMin\":\"10.244.1.0\",\"SubnetMax\":\"10.244.12.0\","
          + "\"Backend\":{\"Type\":\"vxlan\"}}");
  private static final NetworkConfig DUAL = NetworkConfig.parse(
      "{\"Network\":\"10.244.0.0/16\",\"SubnetMin\":\"10.244.1.0\",\"SubnetMax\":\"10.244.12.0\","
          + "\"EnableIPv6\":true,\"IPv6Network\":\"fd00:244::/48\",\"IPv6SubnetMin\":\"fd00:244:0:1::\","
          + "\"IPv6SubnetMax\":\"fd00:244:0:c::\",\"Backend\":{\"Type\":\"vxlan\"}}");

  private final SharedStore.Factory stores;
  private final SubnetManagerFactory managers;
  private final BiFunction<Long, String, String> command;

  /**
   * Creates a campaign against stores of {@code stores} with subnet managers of {@code managers}.
   *
   * @param command returns the command that repeats an episode, given its seed and the numbers of its steps with commas between them
   */
  public Campaign(
      SharedStore.Factory stores,
      SubnetManagerFactory managers,
      BiFunction<Long, String, String> command) {
    this.stores = stores;
    this.managers = managers;
    this.command = command;
  }

  /**
   * What happened in episodes.
   *
   * @param lasted how long they lasted, in their own time
   * @param events how many events there were, after each of which all promises were checked
   * @param storeWrites how many records were written
   * @param fencings how often a host stopped its traffic
   * @param longestRecovery how long it took at most until all was well after the last trouble, to the second
   */
  public record Tally(
      int episodes,
      Duration lasted,
      long events,
      long storeWrites,
      long fencings,
      Duration longestRecovery) {

    private static Tally none() {
      return new Tally(0, Duration.ZERO, 0, 0, 0, Duration.ZERO);
    }

    private Tally plus(SimulatedCluster cluster, Duration recovery) {
      return new Tally(
          episodes + 1,
          lasted.plus(cluster.elapsed()),
          events + cluster.events(),
          storeWrites + cluster.storeWrites(),
          fencings + cluster.fencings(),
          recovery.compareTo(longestRecovery) > 0 ? recovery : longestRecovery);
    }
  }

  /**
   * Runs the episodes of the seeds {@code firstSeed}, {@code firstSeed + 1} and so on.
   *
   * @throws AssertionError if one of them breaks a promise; the message has its seed, its shortened schedule and a command to repeat it
   */
  public Tally run(long firstSeed, int episodes) {
    var tally = Tally.none();
    try (var fibers = new Fibers()) {
      for (long seed = firstSeed; seed < firstSeed + episodes; seed++) {
        try {
          tally = episode(seed, null, fibers, tally);
        } catch (AssertionError broken) {
          throw shortened(seed, broken, fibers);
        }
      }
    }
    return tally;
  }

  /**
   * Runs one episode with the steps of these numbers alone.
   *
   * @throws AssertionError if it breaks a promise
   */
  public Tally repeat(long seed, Set<Integer> steps) {
    try (var fibers = new Fibers()) {
      return episode(seed, steps, fibers, Tally.none());
    }
  }

  private Tally episode(long seed, @Nullable Set<Integer> steps, Fibers fibers, Tally tally) {
    try (var cluster = cluster(seed, fibers)) {
      cluster.hosts().forEach(SimulatedHost::start);
      for (Step step : schedule(seed)) {
        if (steps == null || steps.contains(step.number())) {
          advanceTo(cluster, step.at());
          step.fault().happen(cluster, cluster.host(step.host()), step.lasts(), step.choice());
        }
      }
      advanceTo(cluster, END_OF_TROUBLE);
      makeGood(cluster);
      var recovery = cluster.settle(RECOVERY);
      checkCalls(cluster);
      checkIdle(cluster);
      checkRepair(cluster, new SplittableRandom(seed));
      return tally.plus(cluster, recovery);
    }
  }

  private SimulatedCluster cluster(long seed, Fibers fibers) {
    return SimulatedCluster.builder(stores, managers)
        .hosts(hosts(seed))
        .leaseTtl(LEASE_TTL)
        .config(seed % 3 == 0 ? DUAL : V4)
        .build(seed, fibers);
  }

  private static int hosts(long seed) {
    return 2 + (int) Math.floorMod(seed, MOST_HOSTS - 1L);
  }

  private static ImmutableList<Step> schedule(long seed) {
    return Step.schedule(
        new SplittableRandom(~seed), STEPS, hosts(seed), LEASE_TTL, END_OF_TROUBLE);
  }

  /** Lets time pass; processes that ended by themselves are started again, as whoever runs them would. */
  private static void advanceTo(SimulatedCluster cluster, Duration time) {
    while (cluster.elapsed().compareTo(time) < 0) {
      var left = time.minus(cluster.elapsed());
      cluster.advance(left.compareTo(Duration.ofSeconds(2)) < 0 ? left : Duration.ofSeconds(2));
      for (SimulatedHost host : cluster.hosts()) {
        if (host.lastFailure().isPresent()) {
          host.start();
        }
      }
    }
  }

  private static void makeGood(SimulatedCluster cluster) {
    for (SimulatedHost host : cluster.hosts()) {
      host.resume();
      host.healStore();
      host.slowStore(Duration.ZERO);
      host.repeatMessages(false);
      host.refuseKernelCalls(0, "");
    }
  }

  /** I17: whatever is wrong, the store is not called more often than once a second. */
  private static void checkCalls(SimulatedCluster cluster) {
    for (SimulatedHost host : cluster.hosts()) {
      if (host.link().calls() > cluster.elapsed().toSeconds()) {
        throw new AssertionError("I17: " + host + " has called the store "
            + host.link().calls() + " times in " + cluster.elapsed());
      }
    }
  }

  /**
   * I5, I26: nothing is written when nothing happens. A record that a host left behind, or that was created for it when it was gone, may
   * still end: that is something.
   */
  private static void checkIdle(SimulatedCluster cluster) {
    ImmutableList<Subnets> held;
    int before;
    do {
      held = cluster.held();
      before = writes(cluster);
      cluster.advance(Duration.ofSeconds(25));
    } while (!held.equals(cluster.held()));
    if (writes(cluster) != before) {
      throw new AssertionError(
          "I26: " + (writes(cluster) - before) + " writes to kernels while nothing happened");
    }
  }

  private static int writes(SimulatedCluster cluster) {
    return cluster.hosts().stream().mapToInt(host -> host.kernel().writes()).sum();
  }

  /** I4, I5: one broken entry is mended at the next audit, with three writes at most. */
  private static void checkRepair(SimulatedCluster cluster, SplittableRandom random) {
    var running =
        cluster.hosts().stream().filter(host -> host.network().isPresent()).toList();
    if (running.isEmpty()) {
      return;
    }
    var kernel = running.get(random.nextInt(running.size())).kernel();
    var entries = kernel.entries().asList();
    if (entries.isEmpty()) {
      return;
    }
    var victim = entries.get(random.nextInt(entries.size()));
    var held = cluster.held();
    int before = writes(cluster);
    kernel.removeEntries(victim::equals);
    cluster.settle(Duration.ofSeconds(11));
    if (writes(cluster) - before > 3 && held.equals(cluster.held())) {
      throw new AssertionError("I5: " + (writes(cluster) - before) + " writes to mend " + victim);
    }
  }

  /** Looks for fewer steps that break a promise too. */
  private AssertionError shortened(long seed, AssertionError broken, Fibers fibers) {
    var whole = schedule(seed);
    List<Step> kept = whole;
    var failure = broken;
    int tries = 0;
    for (int size = kept.size() / 2; size >= 1 && tries < LONGEST_SEARCH; ) {
      boolean shorter = false;
      for (int from = 0; from < kept.size() && tries < LONGEST_SEARCH; tries++) {
        var fewer = new ArrayList<>(kept.subList(0, from));
        fewer.addAll(kept.subList(Math.min(from + size, kept.size()), kept.size()));
        var also = failureOf(seed, fewer, fibers);
        if (also == null) {
          from += size;
        } else {
          kept = fewer;
          failure = also;
          shorter = true;
        }
      }
      size = shorter ? Math.min(size, Math.max(1, kept.size() / 2)) : size / 2;
    }
    return new AssertionError(report(seed, whole.size(), kept, failure), failure);
  }

  private @Nullable AssertionError failureOf(long seed, List<Step> steps, Fibers fibers) {
    try {
      var unused = episode(
          seed,
          steps.stream().map(Step::number).collect(ImmutableSet.toImmutableSet()),
          fibers,
          Tally.none());
      return null;
    } catch (AssertionError broken) {
      return broken;
    }
  }

  private String report(long seed, int all, List<Step> kept, AssertionError failure) {
    var numbers =
        kept.stream().map(step -> Integer.toString(step.number())).collect(Collectors.joining(","));
    return failure.getMessage() + "\nseed " + seed + ", " + hosts(seed) + " hosts, shortened from "
        + all + " steps to " + kept.size() + ":\n"
        + kept.stream().map(step -> step + "\n").collect(Collectors.joining())
        + "repeat it with: " + command.apply(seed, numbers);
  }
}
