package io.jaconet.iptables;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSortedSet;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.UnderlayGuard;

/**
 * The guard of the underlay as a table of nftables, whichever driver keeps the rules: what it drops is dropped whatever the rules of
 * others say, and its sets of peers are looked up in one step however many there are.
 *
 * <p>It works after connection tracking, where the answer to a workload's packet that was masqueraded with the tunnel's port as its
 * source is the workload's again, and no tunnel packet.
 */
final class GuardTable {
  static final String FAMILY = "inet";
  static final String NAME = "jaconet-guard";

  /** Just before the rules that administrators write. */
  private static final int PRIORITY_MANGLE = -150;

  private static final String RECEIVED = "received";
  private static final String FORWARDED = "forwarded";

  private GuardTable() {}

  static NftTable of(UnderlayGuard guard) {
    var sets = ImmutableMap.<String, NftTable.AddressSet>builder();
    var received = ImmutableList.<JsonElement>builder();
    var forwarded = ImmutableList.<JsonElement>builder();
    var onUnderlay =
        NftTable.match("==", NftTable.meta("iifname"), new JsonPrimitive(guard.interfaceName()));
    forwarded.add(rule(onUnderlay, NftTable.statement("return")));
    for (var family : IpFamily.values()) {
      var set = setName(family);
      sets.put(set, new NftTable.AddressSet(setType(family), texts(guard.peers(), family)));
      var fromPeer = NftTable.match(
          "==",
          NftTable.payload(NftRules.familyName(family), "saddr"),
          new JsonPrimitive("@" + set));
      received.add(rule(onUnderlay, fromPeer, NftTable.statement("return")));
      var network = guard.networks().get(family);
      if (network != null) {
        var intoOverlay = NftTable.match(
            "==", NftTable.payload(NftRules.familyName(family), "daddr"), NftRules.prefix(network));
        forwarded.add(rule(intoOverlay, NftTable.statement("return")));
      }
    }
    received.add(rule(counter(RECEIVED), NftTable.statement("drop")));
    forwarded.add(rule(counter(FORWARDED), NftTable.statement("drop")));
    return new NftTable(
        FAMILY,
        NAME,
        ImmutableSet.of(RECEIVED, FORWARDED),
        sets.build(),
        ImmutableMap.of(
            RECEIVED,
            NftTable.Chain.of(received.build()),
            FORWARDED,
            NftTable.Chain.of(forwarded.build()),
            "input",
            hook("input", guard, RECEIVED),
            "forward",
            hook("forward", guard, FORWARDED)),
        true);
  }

  private static NftTable.Chain hook(String hook, UnderlayGuard guard, String chain) {
    var isTunnel = NftTable.match("==", NftTable.payload("udp", "dport"), ports(guard.ports()));
    var target = new JsonObject();
    target.addProperty("target", chain);
    var jump = new JsonObject();
    jump.add("jump", target);
    return NftTable.Chain.at(
        "filter", hook, PRIORITY_MANGLE, ImmutableList.of(rule(isTunnel, jump)));
  }

  private static JsonElement ports(ImmutableSet<Integer> ports) {
    if (ports.size() == 1) {
      return new JsonPrimitive(ports.iterator().next());
    }
    var elements = new JsonArray();
    ImmutableSortedSet.copyOf(ports).forEach(elements::add);
    var set = new JsonObject();
    set.add("set", elements);
    return set;
  }

  private static JsonElement rule(JsonElement... expressions) {
    var rule = new JsonArray();
    for (var expression : expressions) {
      rule.add(expression);
    }
    return rule;
  }

  private static JsonObject counter(String name) {
    var counter = new JsonObject();
    counter.addProperty("counter", name);
    return counter;
  }

  private static String setName(IpFamily family) {
    return family == IpFamily.V4 ? "peers-v4" : "peers-v6";
  }

  private static String setType(IpFamily family) {
    return family == IpFamily.V4 ? "ipv4_addr" : "ipv6_addr";
  }

  private static ImmutableSet<String> texts(ImmutableSet<IpAddress> addresses, IpFamily family) {
    return addresses.stream()
        .filter(address -> address.family() == family)
        .map(IpAddress::toString)
        .collect(toImmutableSet());
  }
}
