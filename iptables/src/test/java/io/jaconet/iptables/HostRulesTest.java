package io.jaconet.iptables;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.iptables.RuleChain.Purpose;
import io.jaconet.iptables.TrafficRule.Verdict;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.TrafficRules;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class HostRulesTest {
  private static final TrafficRules DUAL = Traffic.dual();

  private static List<String> lines(HostRules rules, IpFamily family, Purpose purpose) {
    return rules.chains(family).stream()
        .filter(chain -> chain.purpose() == purpose)
        .flatMap(chain -> Rule.all(chain, rules.randomFully()).stream())
        .map(Rule::toString)
        .toList();
  }

  @Test
  void masqueradeRulesAreFlannelsWordForWord() {
    var rules = HostRules.of(DUAL, true, null);

    assertEquals(
        List.of(
            "-m mark --mark 0x4000/0x4000 -m comment --comment \"flanneld masq\" -j RETURN",
            "-s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment \"flanneld masq\" -j RETURN",
            "-s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment \"flanneld masq\" -j RETURN",
            "! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment \"flanneld masq\" -j RETURN",
            "-s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment \"flanneld masq\" -j MASQUERADE --random-fully",
            "! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment \"flanneld masq\" -j MASQUERADE --random-fully"),
        lines(rules, IpFamily.V4, Purpose.MASQUERADE));
    assertEquals(
        List.of(
            "-m mark --mark 0x4000/0x4000 -m comment --comment \"flanneld masq\" -j RETURN",
            "-s fd00:244:0:1::/64 -d fd00:244::/48 -m comment --comment \"flanneld masq\" -j RETURN",
            "-s fd00:244::/48 -d fd00:244:0:1::/64 -m comment --comment \"flanneld masq\" -j RETURN",
            "! -s fd00:244::/48 -d fd00:244:0:1::/64 -m comment --comment \"flanneld masq\" -j RETURN",
            "-s fd00:244::/48 ! -d ff00::/8 -m comment --comment \"flanneld masq\" -j MASQUERADE --random-fully",
            "! -s fd00:244::/48 -d fd00:244::/48 -m comment --comment \"flanneld masq\" -j MASQUERADE --random-fully"),
        lines(rules, IpFamily.V6, Purpose.MASQUERADE));
    assertEquals(
        "-m comment --comment \"flanneld masq\" -j FLANNEL-POSTRTG",
        Rule.jump(Purpose.MASQUERADE).toString());
  }

  @Test
  void forwardRulesAreFlannelsWordForWord() {
    var rules = HostRules.of(DUAL, true, null);

    assertEquals(
        List.of(
            "-s 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT",
            "-d 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT"),
        lines(rules, IpFamily.V4, Purpose.FORWARD));
    assertEquals(
        List.of(
            "-s fd00:244::/48 -m comment --comment \"flanneld forward\" -j ACCEPT",
            "-d fd00:244::/48 -m comment --comment \"flanneld forward\" -j ACCEPT"),
        lines(rules, IpFamily.V6, Purpose.FORWARD));
    assertEquals(
        "-m comment --comment \"flanneld forward\" -j FLANNEL-FWD",
        Rule.jump(Purpose.FORWARD).toString());
  }

  @Test
  void aPortRangeBindsTcpAndUdpAndLeavesTheRestToTheKernel() {
    var rules = HostRules.of(DUAL, true, new PortRange(10_000, 60_000));

    assertEquals(
        List.of(
            "-s 10.244.0.0/16 ! -d 224.0.0.0/4 -p tcp -m comment --comment \"flanneld masq\" -j MASQUERADE --to-ports 10000-60000 --random-fully",
            "-s 10.244.0.0/16 ! -d 224.0.0.0/4 -p udp -m comment --comment \"flanneld masq\" -j MASQUERADE --to-ports 10000-60000 --random-fully",
            "-s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment \"flanneld masq\" -j MASQUERADE --random-fully"),
        lines(rules, IpFamily.V4, Purpose.MASQUERADE).subList(4, 7));
  }

  @Test
  void whatIsNotAskedForHasNoRules() {
    var onlyForward = new TrafficRules(
        ImmutableMap.of(IpFamily.V4, IpPrefix.parse("10.244.0.0/16")),
        Subnets.of(IpPrefix.parse("10.244.1.0/24")),
        false,
        true,
        false);

    var rules = HostRules.of(onlyForward, true, null);

    assertEquals(List.of(), lines(rules, IpFamily.V4, Purpose.MASQUERADE));
    assertEquals(2, lines(rules, IpFamily.V4, Purpose.FORWARD).size());
    assertEquals(ImmutableList.of(), rules.chains(IpFamily.V6));
  }

  @Test
  void theFirstRuleThatMatchesDecides() {
    var rules = HostRules.of(DUAL, true, null);

    assertEquals(Optional.of(Verdict.RETURN), verdict(rules, "10.244.1.2", "10.244.7.2"));
    assertEquals(Optional.of(Verdict.RETURN), verdict(rules, "192.0.2.9", "10.244.1.2"));
    assertEquals(Optional.of(Verdict.MASQUERADE), verdict(rules, "10.244.1.2", "192.0.2.9"));
    assertEquals(Optional.of(Verdict.MASQUERADE), verdict(rules, "192.0.2.9", "10.244.7.2"));
    assertEquals(Optional.empty(), verdict(rules, "192.0.2.9", "192.0.2.10"));
    assertEquals(Optional.of(Verdict.MASQUERADE), verdict(rules, "fd00:244:0:1::2", "2001:db8::9"));
  }

  private static Optional<Verdict> verdict(HostRules rules, String from, String to) {
    return rules.masqueradeVerdict(IpAddress.parse(from), IpAddress.parse(to));
  }
}
