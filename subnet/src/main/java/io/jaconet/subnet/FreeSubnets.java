package io.jaconet.subnet;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.Subnets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/** Which subnets of a network may be leased, given those that are. */
final class FreeSubnets {
  /** How many free subnets are chosen from, as flannel does: enough that hosts which start together seldom choose the same. */
  private static final int CANDIDATES = 100;

  private final NetworkConfig config;
  private final Map<IpFamily, List<IpPrefix>> taken = new EnumMap<>(IpFamily.class);

  FreeSubnets(NetworkConfig config, Collection<Subnets> taken) {
    this.config = config;
    for (var family : config.families()) {
      this.taken.put(
          family,
          taken.stream()
              .flatMap(subnets -> subnets.prefix(family).stream())
              .filter(prefix -> isPartOf(network(config, family), prefix))
              .sorted()
              .toList());
    }
  }

  /**
   * Returns whether {@code prefix} is a part of the network, of whatever length: hosts with an older configuration may hold such. What covers
   * all of it is no lease of this network, and must not keep everybody out.
   */
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

  /** Returns whether {@code subnets} fit and share no address with those that are taken. */
  boolean isFree(Subnets subnets) {
    return fit(config, subnets) && subnets.prefixes().stream().noneMatch(this::overlapsTaken);
  }

  private boolean overlapsTaken(IpPrefix prefix) {
    return taken.getOrDefault(prefix.family(), ImmutableList.of()).stream()
        .anyMatch(prefix::overlaps);
  }

  /** Returns free subnets, chosen at random and independently for each family. */
  Subnets choose(RandomGenerator random) throws NoFreeSubnetException {
    var chosen = new ArrayList<IpPrefix>();
    for (var family : IpFamily.values()) {
      if (config.families().contains(family)) {
        var candidates = candidates(family);
        chosen.add(candidates.get(random.nextInt(candidates.size())));
      }
    }
    return chosen.size() == 1
        ? Subnets.of(chosen.get(0))
        : Subnets.of(chosen.get(0), chosen.get(1));
  }

  /**
   * Returns the first free subnets of {@code family}. Both the subnets of the range and those that are taken are walked upwards once, so it
   * takes linear time.
   */
  private List<IpPrefix> candidates(IpFamily family) throws NoFreeSubnetException {
    var takenHere = taken.getOrDefault(family, ImmutableList.of());
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
    if (free.isEmpty()) {
      throw new NoFreeSubnetException(
          "every subnet from " + first(config, family) + " to " + last + " is leased");
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
