package io.jaconet.iptables;

import com.google.common.collect.ImmutableSet;
import io.jaconet.iptables.RuleChain.Purpose;
import io.jaconet.net.IpPrefix;
import java.util.Iterator;

/**
 * Says which rules of others decide on everything that ours are for, so that ours are without effect behind them. A rule that decides
 * on less, as a network policy does, has a right to come first.
 */
final class Shadow {
  private static final ImmutableSet<String> DROPPING =
      ImmutableSet.of("DROP", "REJECT", "RETURN", "QUEUE", "NFQUEUE");
  private static final ImmutableSet<String> DECIDING = ImmutableSet.of(
      "ACCEPT", "DROP", "RETURN", "SNAT", "MASQUERADE", "NETMAP", "QUEUE", "NFQUEUE");

  private Shadow() {}

  /** Returns whether {@code foreign}, in the hook's chain, leaves rules of {@code purpose} for {@code network} without effect. */
  static boolean falls(Rule foreign, Purpose purpose, IpPrefix network) {
    var targets = switch (purpose) {
      // What is accepted by others is accepted: ours would say the same.
      case FORWARD -> DROPPING;
      case MASQUERADE -> DECIDING;
    };
    return targets.contains(foreign.target()) && covers(foreign, network);
  }

  /** Returns whether the rule meets all packets from, or all packets to, {@code network}. */
  private static boolean covers(Rule rule, IpPrefix network) {
    int addresses = 0;
    var words = rule.words().iterator();
    while (words.hasNext()) {
      switch (words.next()) {
        case "-s", "-d" -> {
          if (++addresses > 1 || !contains(words.next(), network)) {
            return false;
          }
        }
        case "-m" -> {
          if (!words.next().equals("comment")) {
            return false;
          }
          skip(words, 2);
        }
        case "-j", "-g" -> {
          // What follows belongs to the target.
          return true;
        }
        default -> {
          return false;
        }
      }
    }
    return false;
  }

  private static boolean contains(String text, IpPrefix network) {
    try {
      var prefix = IpPrefix.parse(text);
      return prefix.family() == network.family() && prefix.contains(network);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static void skip(Iterator<String> words, int count) {
    for (int i = 0; i < count && words.hasNext(); i++) {
      words.next();
    }
  }
}
