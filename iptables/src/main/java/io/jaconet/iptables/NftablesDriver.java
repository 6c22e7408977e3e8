package io.jaconet.iptables;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import io.jaconet.iptables.RuleChain.Purpose;
import io.jaconet.linux.NftablesEvents.Change;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes rules into tables of our own, one for each family, and everything in one transaction. */
final class NftablesDriver implements RulesDriver {
  private static final Logger log = LoggerFactory.getLogger(NftablesDriver.class);

  private final NftProgram nft;
  private final ReadBack<ImmutableList<JsonElement>> readBack = new ReadBack<>();
  private boolean randomFully = true;

  NftablesDriver(NftProgram nft) {
    this.nft = nft;
  }

  @Override
  public int count(HostRules rules) {
    return rules.chains().values().stream()
        .flatMap(ImmutableList::stream)
        .mapToInt(chain -> chain.rules().size())
        .sum();
  }

  @Override
  public boolean isTold() {
    return true;
  }

  @Override
  public boolean concerns(Change change) {
    for (var family : IpFamily.values()) {
      var ours = NftProgram.key(NftRules.familyName(family), NftRules.tableName(family));
      if (change.family() == ours.family() && change.table().equals(ours.name())) {
        return true;
      }
    }
    return false;
  }

  @Override
  public Outcome ensure(HostRules rules) throws IOException {
    var wanted = randomFully ? rules : rules.withoutRandomPorts();
    var commands = new JsonArray();
    var mended = ImmutableList.<String>builder();
    var masquerade = ImmutableSet.<IpFamily>builder();
    int present = 0;
    for (var family : IpFamily.values()) {
      if (wanted.chains(family).isEmpty()) {
        if (nft.delete(NftRules.familyName(family), NftRules.tableName(family))) {
          mended.add(NftRules.tableName(family) + " was there");
        }
        continue;
      }
      var plan = plan(wanted, family);
      if (!plan.commands().isEmpty()) {
        commands.addAll(plan.commands());
        masquerade.add(family);
      }
      mended.addAll(plan.differences());
      present += plan.present();
    }
    if (!commands.isEmpty()) {
      write(commands, wanted);
      readBack.wrote();
    }
    return new Outcome(mended.build(), present, masquerade.build());
  }

  private NftTable.Plan plan(HostRules rules, IpFamily family) throws IOException {
    var table = NftRules.table(rules, family);
    var there = nft.list(table.family(), table.name());
    return there.isPresent()
        ? table.from(there.get(), readBack)
        : new NftTable.Plan(table.replacement(), ImmutableList.of(table + " was missing"), 0);
  }

  /** Writes our tables anew, as a whole, if the changes cannot be made. */
  private void write(JsonArray changes, HostRules rules) throws IOException {
    try {
      nft.execute(changes);
      return;
    } catch (ProgramException e) {
      log.debug("the tables are written anew: {}", e.getMessage());
    }
    var all = allTables(rules);
    try {
      nft.execute(all);
    } catch (ProgramException e) {
      if (!rules.randomFully() || !masquerades(rules)) {
        throw e;
      }
      try {
        nft.execute(allTables(rules.withoutRandomPorts()));
      } catch (ProgramException withoutToo) {
        e.addSuppressed(withoutToo);
        throw e;
      }
      randomFully = false;
    }
  }

  private static boolean masquerades(HostRules rules) {
    return rules.chains().values().stream()
        .flatMap(ImmutableList::stream)
        .anyMatch(chain -> chain.purpose() == Purpose.MASQUERADE);
  }

  private static JsonArray allTables(HostRules rules) {
    var commands = new JsonArray();
    rules
        .chains()
        .keySet()
        .forEach(family -> commands.addAll(NftRules.table(rules, family).replacement()));
    return commands;
  }
}
