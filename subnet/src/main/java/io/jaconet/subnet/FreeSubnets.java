package io.jaconet.subnet;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.Subnets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiPredicate;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Which subnets of a network may be leased, given the records that there are.
 *
 * <p>Records of another length than the network's subnets are avoided as well: hosts with an older configuration may hold such. But one of
 * them can cover everything, and a mistake must not keep every new host out: where nothing else is left, larger ones that no node wrote
 * under its id are passed over. They are no peers to anybody either, see {@link io.jaconet.overlay.LeaseAdmission}.
 */
final class FreeSubnets {
  /** How many free subnets are chosen from, as flannel does: enough that hosts which start together seldom choose the same. */
  private static final int CANDIDATES = 100;

  private final NetworkConfig config;
  private final Map<IpFamily, List<IpPrefix>> taken;
  private final Map<IpFamily, List<IpPrefix>> certainlyTaken;

  /**
   * Looks at {@code records}.
   *
   * @param records those of others; ones without subnets are none
   */
  FreeSubnets(NetworkConfig config, Collection<LeaseRecord> records) {
    this.config = config;
    this.taken = prefixes(records, (record, prefix) -> true);
    this.certainlyTaken = prefixes(
        records,
        (record, prefix) ->
            record.entry().holder() != null || prefix.length() >= length(config, prefix.family()));
  }

  private Map<IpFamily, List<IpPrefix>> prefixes(
      Collection<LeaseRecord> records, BiPredicate<LeaseRecord, IpPrefix> which) {
    var prefixes = new EnumMap<IpFamily, List<IpPrefix>>(IpFamily.class);
    for (var family : config.families()) {
      var ofFamily = new ArrayList<IpPrefix>();
      for (var record : records) {
        Optional.ofNullable(record.subnets())
            .flatMap(subnets -> subnets.prefix(family))
            .filter(prefix -> isPartOf(network(config, family), prefix))
            .filter(prefix -> which.test(record, prefix))
            .ifPresent(ofFamily::add);
      }
      ofFamily.sort(null);
      prefixes.put(family, ofFamily);
    }
    return prefixes;
  }

  /** Returns whether {@code prefix} is a part of the network. What covers all of it is no lease of this network, whoever wrote it. */
  private static boolean isPartOf(IpPrefix network, IpPrefix prefix) {
    return prefix.length() > network.length() && network.contains(prefix);
  }

  /** Returns whether a host may hold {@code subnets}: the enabled families exactly, each in range and of the right length. */
  static boolean fit(NetworkConfig config, Subnets subnets) {
    for (var family : IpFamily.values()) {
      var prefix = subnets.prefix(family);
      if (prefix.isPresent() != config.families().contains(family)
          || prefix.isPresent() && !fits(config, prefix.get())) {
        return false;
      }
    }
    return true;
  }

  private static boolean fits(NetworkConfig config, IpPrefix prefix) {
    return prefix.length() == length(config, prefix.family())
        && prefix.compareTo(first(config, prefix.family())) >= 0
        && prefix.compareTo(last(config, prefix.family())) <= 0;
  }

  /**
   * Returns free subnets: {@code previous} if they are, else some chosen at random and independently for each family.
   *
   * @throws NoFreeSubnetException if there are none in one of the families
   */
  Subnets choose(@Nullable Subnets previous, RandomGenerator random) throws NoFreeSubnetException {
    for (var avoided : List.of(taken, certainlyTaken)) {
      if (previous != null && fit(config, previous) && isFree(previous, avoided)) {
        return previous;
      }
      var chosen = choose(avoided, random);
      if (chosen.isPresent()) {
        return chosen.get();
      }
    }
    throw new NoFreeSubnetException(describe());
  }

  private static boolean isFree(Subnets subnets, Map<IpFamily, List<IpPrefix>> avoided) {
    return subnets.prefixes().stream()
        .noneMatch(prefix -> avoided.getOrDefault(prefix.family(), ImmutableList.of()).stream()
            .anyMatch(prefix::overlaps));
  }

  private Optional<Subnets> choose(Map<IpFamily, List<IpPrefix>> avoided, RandomGenerator random) {
    var chosen = new ArrayList<IpPrefix>();
    for (var family : IpFamily.values()) {
      if (config.families().contains(family)) {
        var candidates = candidates(family, avoided.getOrDefault(family, ImmutableList.of()));
        if (candidates.isEmpty()) {
          return Optional.empty();
        }
        chosen.add(candidates.get(random.nextInt(candidates.size())));
      }
    }
    return Optional.of(
        chosen.size() == 1 ? Subnets.of(chosen.get(0)) : Subnets.of(chosen.get(0), chosen.get(1)));
  }

  private String describe() {
    var ranges = new ArrayList<String>();
    for (var family : config.families()) {
      var avoided = certainlyTaken.getOrDefault(family, ImmutableList.of());
      if (candidates(family, avoided).isEmpty()) {
        var widest = Collections.min(avoided, Comparator.comparingInt(IpPrefix::length));
        ranges.add("every subnet from " + first(config, family) + " to " + last(config, family)
            + " is leased"
            + (widest.length() < length(config, family) ? ", many of them by " + widest : ""));
      }
    }
    return String.join("; ", ranges);
  }

  /**
   * Returns the first free subnets of {@code family}. Both the subnets of the range and those that are taken are walked upwards once, so it
   * takes linear time.
   */
  private List<IpPrefix> candidates(IpFamily family, List<IpPrefix> takenHere) {
    var last = last(config, family);
    var free = new ArrayList<IpPrefix>();
    int next = 0;
    for (var subnet = first(config, family); free.size() < CANDIDATES; ) {
      while (next < takenHere.size() && takenHere.get(next).last().compareTo(subnet.base()) < 0) {
        next++;
      }
      var reached = subnet.last();
      if (next < takenHere.size() && takenHere.get(next).overlaps(subnet)) {
        var obstacle = takenHere.get(next).last();
        reached = obstacle.compareTo(reached) > 0 ? obstacle : reached;
      } else {
        free.add(subnet);
      }
      // Compared before stepping on: the range may end where the family's addresses end.
      if (reached.compareTo(last.base()) >= 0) {
        break;
      }
      subnet = new IpPrefix(reached.plus(1), last.length());
    }
    return free;
  }

  private static IpPrefix first(NetworkConfig config, IpFamily family) {
    var base = config.subnetMin().get(family);
    return new IpPrefix(
        base == null ? network(config, family).base() : base, length(config, family));
  }

  private static IpPrefix last(NetworkConfig config, IpFamily family) {
    var base = config.subnetMax().get(family);
    return new IpPrefix(
        base == null ? network(config, family).last() : base, length(config, family));
  }

  private static IpPrefix network(NetworkConfig config, IpFamily family) {
    var network = config.networks().get(family);
    if (network == null) {
      throw new IllegalArgumentException(
          "the configuration enables " + family + " but names no network of it");
    }
    return network;
  }

  private static int length(NetworkConfig config, IpFamily family) {
    var length = config.subnetLengths().get(family);
    if (length == null) {
      throw new IllegalArgumentException(
          "the configuration enables " + family + " but has no subnet length for it");
    }
    return length;
  }
}
