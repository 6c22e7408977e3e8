package io.jaconet.iptables;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.iptables.RuleChain.Purpose;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What must be done to one family's tables so that they hold our rules and what they held of others, in one transaction for each table.
 *
 * @param restore what {@code iptables-restore --noflush} is to read; empty if nothing differs
 * @param differences what differs, in words
 * @param written the purposes whose rules are written or removed
 * @param present how many of our rules are there already, in their places
 */
record TablesPlan(
    String restore, ImmutableList<String> differences, ImmutableSet<Purpose> written, int present) {

  /**
   * Compares.
   *
   * @param readBack knows which rules are printed otherwise than they are written
   */
  static TablesPlan of(
      SavedTables saved, HostRules rules, IpFamily family, ReadBack<ImmutableList<Rule>> readBack) {
    var network = rules.networks().get(family);
    var restore = new StringBuilder();
    var differences = ImmutableList.<String>builder();
    var written = ImmutableSet.<Purpose>builder();
    int present = 0;
    for (var purpose : Purpose.values()) {
      var chain = rules.chains(family).stream()
          .filter(c -> c.purpose() == purpose)
          .findFirst()
          .orElse(null);
      var change = new Change(saved, purpose, family);
      if (chain == null || network == null) {
        change.remove();
      } else {
        present += change.ensure(Rule.all(chain, rules.randomFully()), network, readBack);
      }
      if (!change.lines.isEmpty()) {
        written.add(purpose);
        differences.addAll(change.differences);
        restore.append('*').append(purpose.table).append('\n');
        change.lines.forEach(line -> restore.append(line).append('\n'));
        restore.append("COMMIT\n");
      }
    }
    return new TablesPlan(restore.toString(), differences.build(), written.build(), present);
  }

  /** What must be done for one purpose. */
  private static final class Change {
    private final Purpose purpose;
    private final IpFamily family;
    private final boolean hasChain;
    private final ImmutableList<Rule> ours;
    private final ImmutableList<Rule> hook;
    private final List<String> lines = new ArrayList<>();
    private final List<String> differences = new ArrayList<>();

    Change(SavedTables saved, Purpose purpose, IpFamily family) {
      this.purpose = purpose;
      this.family = family;
      this.hasChain = saved.has(purpose.table, purpose.chain);
      this.ours = saved.rules(purpose.table, purpose.chain);
      this.hook = saved.rules(purpose.table, purpose.hook);
    }

    private boolean isJump(Rule rule) {
      return rule.target().equals(purpose.chain);
    }

    void remove() {
      if (hasChain) {
        dropJumps();
        lines.add("-F " + purpose.chain);
        lines.add("-X " + purpose.chain);
        differ("chain " + purpose.chain + " was there");
      }
    }

    private void dropJumps() {
      hook.stream()
          .filter(this::isJump)
          .forEach(jump -> lines.add("-D " + purpose.hook + " " + jump));
    }

    private void differ(String what) {
      differences.add(family + " " + purpose.table + ": " + what);
    }

    /** Returns how many of {@code wanted} and the jump to them are there already. */
    int ensure(
        ImmutableList<Rule> wanted, IpPrefix network, ReadBack<ImmutableList<Rule>> readBack) {
      boolean same = hasChain && readBack.isSame(family + purpose.chain, wanted, ours);
      int present = same ? wanted.size() : hasChain ? countPresent(wanted) : 0;
      if (!same) {
        // Also flushes the chain, in the same step.
        lines.add(":" + purpose.chain + " - [0:0]");
        wanted.forEach(rule -> lines.add("-A " + purpose.chain + " " + rule));
        differ(differenceTo(wanted));
      }
      var jump = Rule.jump(purpose);
      int place = firstShadow(network);
      String misplaced = misplacement(jump, place);
      if (misplaced == null) {
        return present + 1;
      }
      dropJumps();
      lines.add(
          place < 0
              ? "-A " + purpose.hook + " " + jump
              : "-I " + purpose.hook + " " + (place + 1) + " " + jump);
      differ(misplaced);
      return present;
    }

    private int countPresent(ImmutableList<Rule> wanted) {
      var left = new ArrayList<>(ours);
      return (int) wanted.stream().filter(left::remove).count();
    }

    private String differenceTo(ImmutableList<Rule> wanted) {
      if (!hasChain) {
        return "chain " + purpose.chain + " was missing";
      }
      var missing = new ArrayList<>(wanted);
      ours.forEach(missing::remove);
      var extra = new ArrayList<>(ours);
      wanted.forEach(extra::remove);
      if (missing.isEmpty() && extra.isEmpty()) {
        return "the rules of " + purpose.chain + " were in another order";
      }
      return purpose.chain
          + (missing.isEmpty() ? "" : " lacked " + missing)
          + (extra.isEmpty() ? "" : (missing.isEmpty() ? " had " : " and had ") + extra);
    }

    /** Returns the place among the rules of others before which ours must be, -1 if it may be last. */
    private int firstShadow(IpPrefix network) {
      int place = 0;
      for (var rule : hook) {
        if (!isJump(rule)) {
          if (Shadow.falls(rule, purpose, network)) {
            return place;
          }
          place++;
        }
      }
      return -1;
    }

    private @Nullable String misplacement(Rule jump, int place) {
      int jumps = (int) hook.stream().filter(this::isJump).count();
      int at = hook.indexOf(jump);
      if (jumps == 0) {
        return purpose.hook + " did not lead to " + purpose.chain;
      }
      if (jumps > 1) {
        return purpose.hook + " led to " + purpose.chain + " " + jumps + " times";
      }
      if (at < 0) {
        return purpose.hook + " led to " + purpose.chain + " by a rule that is not ours";
      }
      // With one jump, the rules before it are all of others.
      return place >= 0 && place < at
          ? "'" + hook.get(place) + "' came before " + purpose.chain
          : null;
    }
  }
}
