package io.jaconet.overlay;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import org.jspecify.annotations.Nullable;

/**
 * The subnets of one family that a network may lease.
 *
 * @param network the overlay's whole prefix
 * @param subnetLength the prefix length of each subnet
 * @param min the base of the first
 * @param max the base of the last
 */
record SubnetRange(IpPrefix network, int subnetLength, IpAddress min, IpAddress max) {
  /** A network holds at least four subnets, and a subnet at least four addresses. */
  private static final int SPARE_BITS = 2;

  private static final ImmutableList<IpPrefix> EXAMPLES = ImmutableList.of(
      IpPrefix.parse("10.244.0.0/16"),
      IpPrefix.parse("172.20.0.0/16"),
      IpPrefix.parse("192.168.0.0/16"),
      IpPrefix.parse("fd00:244::/48"),
      IpPrefix.parse("fd00:245::/48"));

  /**
   * Returns the range, with flannel's defaults for what is not given: subnets of /24 or /64 if four of them fit, else of a quarter of
   * the network; from the second subnet to the last.
   *
   * @param subnetLength 0 for the default
   * @throws IllegalArgumentException if the parts do not fit together; the message has the path, the value and what is allowed
   */
  static SubnetRange of(
      IpPrefix network, int subnetLength, @Nullable IpAddress min, @Nullable IpAddress max) {
    checkNetwork(network);
    int length = subnetLength == 0 ? defaultLength(network) : subnetLength;
    checkLength(network, length);
    var first = min == null ? new IpPrefix(network.base(), length).next().base() : min;
    var last = max == null ? new IpPrefix(network.last(), length).base() : max;
    checkBase("SubnetMin", network, length, first);
    checkBase("SubnetMax", network, length, last);
    if (first.compareTo(last) > 0) {
      throw new Setting(
              path(network.family(), "SubnetMax"),
              "at or after " + path(network.family(), "SubnetMin") + ", which is " + first,
              new IpPrefix(network.last(), length).base())
          .wrong(last);
    }
    return new SubnetRange(network, length, first, last);
  }

  private static void checkNetwork(IpPrefix network) {
    var family = network.family();
    int longest = family.bits() - 2 * SPARE_BITS;
    if (network.length() < 1 || network.length() > longest) {
      throw networkSetting(family, "an " + family + " prefix of /1 to /" + longest)
          .wrong(network);
    }
    if (!network.isUnicast()) {
      throw networkSetting(
              family,
              "apart from unspecified, loopback, link-local, multicast, broadcast and IPv4-mapped addresses")
          .wrong(network);
    }
  }

  static Setting networkSetting(IpFamily family, String allowed) {
    return new Setting(path(family, "Network"), allowed, exampleNetwork(family));
  }

  /**
   * Checks that a route to the network, or to a subnet of it, would not take {@code hostPrefixes} away.
   *
   * @throws IllegalArgumentException if the network equals or contains one of them
   */
  void requireDisjointFrom(ImmutableList<IpPrefix> hostPrefixes) {
    for (IpPrefix prefix : hostPrefixes) {
      if (network.overlaps(prefix) && !isCarvedOutOf(prefix)) {
        var free = EXAMPLES.stream()
            .filter(example -> example.family() == network.family()
                && hostPrefixes.stream().noneMatch(example::overlaps))
            .filter(example -> !example.overlaps(network))
            .findFirst()
            .orElse(exampleNetwork(network.family()));
        throw new Setting(
                path(network.family(), "Network"),
                "apart from " + prefix + " of the host's underlay",
                free)
            .wrong(network);
      }
    }
  }

  private static int defaultLength(IpPrefix network) {
    int usual = network.family() == IpFamily.V4 ? 24 : 64;
    return Math.max(usual, network.length() + SPARE_BITS);
  }

  private static void checkLength(IpPrefix network, int length) {
    var family = network.family();
    int shortest = network.length() + SPARE_BITS;
    int longest = family.bits() - SPARE_BITS;
    if (length < shortest || length > longest) {
      throw new Setting(
              path(family, "SubnetLen"),
              "from " + shortest + " to " + longest + " in " + network,
              defaultLength(network))
          .wrong(length);
    }
  }

  private static void checkBase(String name, IpPrefix network, int length, IpAddress base) {
    if (!network.contains(base) || !new IpPrefix(base, length).base().equals(base)) {
      throw new Setting(
              path(network.family(), name),
              "the first address of a /" + length + " in " + network,
              new IpPrefix(network.base(), length).next().base())
          .wrong(base);
    }
  }

  /**
   * Returns whether {@code onLink} is a wider prefix out of which the network was cut, such as 10.0.0.0/8 on an interface. Routes to
   * subnets are longer and win, and the rest of the wider prefix stays reachable.
   */
  boolean isCarvedOutOf(IpPrefix onLink) {
    return onLink.length() < network.length() && onLink.contains(network);
  }

  /** Returns flannel's key for the setting {@code name} of {@code family}. */
  static String path(IpFamily family, String name) {
    return family == IpFamily.V4 ? name : "IPv6" + name;
  }

  static IpPrefix exampleNetwork(IpFamily family) {
    return EXAMPLES.stream()
        .filter(example -> example.family() == family)
        .findFirst()
        .orElseThrow();
  }
}
