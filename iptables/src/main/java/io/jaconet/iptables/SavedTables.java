package io.jaconet.iptables;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.ImmutableSet;

/**
 * What {@code iptables-save} printed: the chains of each table and their rules. Rules that cannot be understood are kept as they are
 * printed; they are not ours.
 */
record SavedTables(ImmutableSet<ChainName> chains, ImmutableListMultimap<ChainName, Rule> rules) {
  static final SavedTables EMPTY = new SavedTables(ImmutableSet.of(), ImmutableListMultimap.of());

  record ChainName(String table, String chain) {}

  static SavedTables parse(String output) {
    var chains = ImmutableSet.<ChainName>builder();
    var rules = ImmutableListMultimap.<ChainName, Rule>builder();
    String table = "";
    for (var line : Splitter.on('\n').split(output)) {
      if (line.startsWith("*")) {
        table = line.substring(1).strip();
      } else if (line.startsWith(":")) {
        chains.add(new ChainName(table, firstWord(line.substring(1))));
      } else if (line.startsWith("-A ")) {
        var chain = firstWord(line.substring(3));
        rules.put(
            new ChainName(table, chain), rule(line.substring(3 + chain.length()).strip()));
      }
    }
    return new SavedTables(chains.build(), rules.build());
  }

  private static String firstWord(String text) {
    int space = text.indexOf(' ');
    return space < 0 ? text : text.substring(0, space);
  }

  private static Rule rule(String text) {
    try {
      return new Rule(Rule.split(text));
    } catch (IllegalArgumentException e) {
      return Rule.of(text);
    }
  }

  boolean has(String table, String chain) {
    return chains.contains(new ChainName(table, chain));
  }

  ImmutableList<Rule> rules(String table, String chain) {
    return rules.get(new ChainName(table, chain));
  }

  /** Returns the number of rules that are not ours. */
  int foreignRules() {
    return (int) rules.entries().stream()
        .filter(
            entry -> !isOurs(entry.getKey().chain()) && !isOurs(entry.getValue().target()))
        .count();
  }

  /** Returns whether one of our chains is there. */
  boolean hasOurs() {
    return chains.stream().anyMatch(name -> isOurs(name.chain()));
  }

  private static boolean isOurs(String chain) {
    for (var purpose : RuleChain.Purpose.values()) {
      if (purpose.chain.equals(chain)) {
        return true;
      }
    }
    return false;
  }
}
