package io.jaconet.iptables;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.jaconet.iptables.RuleChain.Purpose;
import io.jaconet.iptables.TrafficRule.Verdict;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.TrafficRules;
import java.util.EnumMap;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the packet filter shall hold: flannel's rules.
 *
 * @param networks the overlay's prefix of each family
 * @param chains the chains of each family; none for a family that has no rules
 * @param randomFully whether masquerading picks source ports at random, which spares parallel connections the race for the same one
 */
record HostRules(
    ImmutableMap<IpFamily, IpPrefix> networks,
    ImmutableMap<IpFamily, ImmutableList<RuleChain>> chains,
    boolean randomFully) {
  static final HostRules NONE = new HostRules(ImmutableMap.of(), ImmutableMap.of(), true);

  private static final IpPrefix MULTICAST_V4 = IpPrefix.parse("224.0.0.0/4");
  private static final IpPrefix MULTICAST_V6 = IpPrefix.parse("ff00::/8");

  /** Only these have ports that masquerading may choose. */
  private static final ImmutableList<String> PROTOCOLS_WITH_PORTS = ImmutableList.of("tcp", "udp");

  /**
   * Returns the rules for {@code traffic}.
   *
   * @param ports where masquerading takes source ports from, null for the kernel's own choice
   */
  static HostRules of(TrafficRules traffic, boolean randomFully, @Nullable PortRange ports) {
    var chains = new EnumMap<IpFamily, ImmutableList<RuleChain>>(IpFamily.class);
    traffic.networks().forEach((family, network) -> {
      var ofFamily = ImmutableList.<RuleChain>builder();
      traffic
          .own()
          .prefix(family)
          .filter(own -> traffic.masquerade())
          .ifPresent(own ->
              ofFamily.add(new RuleChain(Purpose.MASQUERADE, masquerade(network, own, ports))));
      if (traffic.forward()) {
        ofFamily.add(new RuleChain(Purpose.FORWARD, forward(network)));
      }
      if (!ofFamily.build().isEmpty()) {
        chains.put(family, ofFamily.build());
      }
    });
    return new HostRules(traffic.networks(), Maps.immutableEnumMap(chains), randomFully);
  }

  private static ImmutableList<TrafficRule> masquerade(
      IpPrefix network, IpPrefix own, @Nullable PortRange ports) {
    var inNetwork = AddressMatch.in(network);
    var inOwn = AddressMatch.in(own);
    var fromElsewhere = AddressMatch.notIn(network);
    var unicast = AddressMatch.notIn(network.family() == IpFamily.V4 ? MULTICAST_V4 : MULTICAST_V6);
    return ImmutableList.<TrafficRule>builder()
        .add(TrafficRule.ofMarked())
        .add(TrafficRule.of(inOwn, inNetwork, Verdict.RETURN))
        .add(TrafficRule.of(inNetwork, inOwn, Verdict.RETURN))
        // Workloads see the address of a host outside that was given a route to them.
        .add(TrafficRule.of(fromElsewhere, inOwn, Verdict.RETURN))
        .addAll(within(ports, TrafficRule.of(inNetwork, unicast, Verdict.MASQUERADE)))
        .addAll(within(ports, TrafficRule.of(fromElsewhere, inNetwork, Verdict.MASQUERADE)))
        .build();
  }

  private static ImmutableList<TrafficRule> within(@Nullable PortRange ports, TrafficRule rule) {
    return ports == null
        ? ImmutableList.of(rule)
        : Stream.concat(
                PROTOCOLS_WITH_PORTS.stream().map(protocol -> rule.with(protocol, ports)),
                Stream.of(rule))
            .collect(toImmutableList());
  }

  private static ImmutableList<TrafficRule> forward(IpPrefix network) {
    return ImmutableList.of(
        TrafficRule.of(AddressMatch.in(network), null, Verdict.ACCEPT),
        TrafficRule.of(null, AddressMatch.in(network), Verdict.ACCEPT));
  }

  /** Returns the chains of a family, none if it has no rules. */
  ImmutableList<RuleChain> chains(IpFamily family) {
    return chains.getOrDefault(family, ImmutableList.of());
  }

  /** Returns what becomes of a new connection that leaves this host unmarked; empty if no rule decides. */
  Optional<Verdict> masqueradeVerdict(IpAddress source, IpAddress destination) {
    return chains(source.family()).stream()
        .filter(chain -> chain.purpose() == Purpose.MASQUERADE)
        .flatMap(chain -> chain.rules().stream())
        .filter(rule -> rule.matches(source, destination))
        .map(TrafficRule::verdict)
        .findFirst();
  }

  HostRules withoutRandomPorts() {
    return new HostRules(networks, chains, false);
  }
}
