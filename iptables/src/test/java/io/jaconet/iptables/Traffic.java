package io.jaconet.iptables;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.TrafficRules;

/** What the tests ask for: everything, in the networks 10.244.0.0/16 and fd00:244::/48. */
final class Traffic {
  static final IpPrefix NETWORK_V4 = IpPrefix.parse("10.244.0.0/16");
  static final IpPrefix NETWORK_V6 = IpPrefix.parse("fd00:244::/48");

  private Traffic() {}

  static TrafficRules v4(String own) {
    return new TrafficRules(
        ImmutableMap.of(IpFamily.V4, NETWORK_V4),
        Subnets.of(IpPrefix.parse(own)),
        true,
        true,
        false);
  }

  static TrafficRules dual(String ownV4, String ownV6) {
    return new TrafficRules(
        ImmutableMap.of(IpFamily.V4, NETWORK_V4, IpFamily.V6, NETWORK_V6),
        Subnets.of(IpPrefix.parse(ownV4), IpPrefix.parse(ownV6)),
        true,
        true,
        false);
  }

  static TrafficRules dual() {
    return dual("10.244.1.0/24", "fd00:244:0:1::/64");
  }
}
