package io.jaconet.iptables;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.jaconet.iptables.RuleChain.Purpose;
import io.jaconet.iptables.TrafficRule.Verdict;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;

/**
 * Our rules in the words of nftables, in tables and chains that bear flannel's names. They mean what the rules for iptables mean, also
 * where flannel's own rules for nftables do not: the mark is masked, and traffic from outside the overlay to other hosts' workloads is
 * masqueraded.
 */
final class NftRules {
  private static final int PRIORITY_SRCNAT = 100;
  private static final int PRIORITY_FILTER = 0;

  private NftRules() {}

  static String tableName(IpFamily family) {
    return family == IpFamily.V4 ? "flannel-ipv4" : "flannel-ipv6";
  }

  static String familyName(IpFamily family) {
    return family == IpFamily.V4 ? "ip" : "ip6";
  }

  /** Returns the table of a family. */
  static NftTable table(HostRules rules, IpFamily family) {
    var chains = ImmutableMap.<String, NftTable.Chain>builder();
    for (var chain : rules.chains(family)) {
      var expressions = chain.rules().stream()
          .map(rule -> expressions(rule, family, rules.randomFully()))
          .collect(ImmutableList.<JsonElement>toImmutableList());
      chains.put(chain.purpose().nftChain, at(chain.purpose(), expressions));
    }
    return new NftTable(
        familyName(family),
        tableName(family),
        ImmutableSet.of(),
        ImmutableMap.of(),
        chains.build(),
        true);
  }

  private static NftTable.Chain at(Purpose purpose, ImmutableList<JsonElement> rules) {
    return switch (purpose) {
      case MASQUERADE -> NftTable.Chain.at("nat", "postrouting", PRIORITY_SRCNAT, rules);
      case FORWARD -> NftTable.Chain.at("filter", "forward", PRIORITY_FILTER, rules);
    };
  }

  private static JsonElement expressions(TrafficRule rule, IpFamily family, boolean randomFully) {
    var expressions = new JsonArray();
    if (rule.marked()) {
      var masked = new JsonArray();
      masked.add(NftTable.meta("mark"));
      masked.add(TrafficRule.MARK);
      var and = new JsonObject();
      and.add("&", masked);
      expressions.add(NftTable.match("==", and, new JsonPrimitive(TrafficRule.MARK)));
    }
    if (rule.source() != null) {
      expressions.add(address("saddr", rule.source(), family));
    }
    if (rule.destination() != null) {
      expressions.add(address("daddr", rule.destination(), family));
    }
    if (rule.protocol() != null) {
      expressions.add(
          NftTable.match("==", NftTable.meta("l4proto"), new JsonPrimitive(rule.protocol())));
    }
    expressions.add(verdict(rule, randomFully));
    return expressions;
  }

  private static JsonObject address(String field, AddressMatch match, IpFamily family) {
    return NftTable.match(
        match.inside() ? "==" : "!=",
        NftTable.payload(familyName(family), field),
        prefix(match.prefix()));
  }

  static JsonElement prefix(IpPrefix prefix) {
    if (prefix.length() == prefix.family().bits()) {
      return new JsonPrimitive(prefix.base().toString());
    }
    var object = new JsonObject();
    object.addProperty("addr", prefix.base().toString());
    object.addProperty("len", prefix.length());
    var expression = new JsonObject();
    expression.add("prefix", object);
    return expression;
  }

  private static JsonObject verdict(TrafficRule rule, boolean randomFully) {
    if (rule.verdict() != Verdict.MASQUERADE) {
      return NftTable.statement(rule.verdict() == Verdict.ACCEPT ? "accept" : "return");
    }
    var masquerade = new JsonObject();
    if (rule.ports() != null) {
      var bounds = new JsonArray();
      bounds.add(rule.ports().first());
      bounds.add(rule.ports().last());
      var range = new JsonObject();
      range.add("range", bounds);
      masquerade.add("port", range);
    }
    if (randomFully) {
      masquerade.addProperty("flags", "fully-random");
    }
    if (masquerade.isEmpty()) {
      return NftTable.statement("masquerade");
    }
    var statement = new JsonObject();
    statement.add("masquerade", masquerade);
    return statement;
  }
}
