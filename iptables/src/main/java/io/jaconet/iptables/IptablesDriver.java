package io.jaconet.iptables;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.iptables.RuleChain.Purpose;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.Nftables;
import io.jaconet.linux.NftablesEvents.Change;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Writes rules through {@code iptables-restore} and reads them through {@code iptables-save}, of either flavour. */
final class IptablesDriver implements RulesDriver {
  /** For both families together less than a network takes at most to close. */
  private static final String LOCK_WAIT_SECONDS = "2";

  private static final int ATTEMPTS = 3;

  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;

  private final Driver flavour;
  private final NetworkNamespace namespace;
  private final Programs programs;
  private final ReadBack<ImmutableList<Rule>> readBack = new ReadBack<>();
  private final BaseChains baseChains;
  private boolean randomFully = true;
  private boolean canWait = true;
  private long lockWaits;
  private @Nullable HostRules last;

  IptablesDriver(Driver flavour, NetworkNamespace namespace, Programs programs) {
    this.flavour = flavour;
    this.namespace = namespace;
    this.programs = programs;
    this.baseChains = new BaseChains(namespace);
  }

  /** Returns how often another program held the lock. */
  long lockWaits() {
    return lockWaits;
  }

  @Override
  public int count(HostRules rules) {
    return rules.chains().values().stream()
        .flatMap(ImmutableList::stream)
        .mapToInt(chain -> chain.rules().size() + 1)
        .sum();
  }

  @Override
  public boolean isTold() {
    return flavour == Driver.IPTABLES_NFT;
  }

  @Override
  public boolean concerns(Change change) {
    if (change.family() != AF_INET && change.family() != AF_INET6) {
      return false;
    }
    for (var purpose : Purpose.values()) {
      if (change.table().equals(purpose.table)
          && (change.chain() == null
              || change.chain().equals(purpose.chain)
              || change.chain().equals(purpose.hook))) {
        return true;
      }
    }
    return false;
  }

  @Override
  public Outcome ensure(HostRules rules) throws IOException {
    var mended = ImmutableList.<String>builder();
    var masquerade = ImmutableSet.<IpFamily>builder();
    int present = 0;
    boolean first = !rules.equals(last);
    for (var family : IpFamily.values()) {
      // A family without rules is looked at once: nobody but us brings them back.
      if (!rules.chains(family).isEmpty() || first && mayHaveTables(family)) {
        var plan = ensure(rules, family);
        mended.addAll(plan.differences());
        present += plan.present();
        if (plan.written().contains(Purpose.MASQUERADE)) {
          masquerade.add(family);
        }
      }
    }
    last = rules;
    return new Outcome(mended.build(), present, masquerade.build());
  }

  /** Another program may change a table between our look and our write. What we wrote on a wrong view fails as a whole. */
  private TablesPlan ensure(HostRules rules, IpFamily family) throws IOException {
    for (int attempt = 1; ; attempt++) {
      var wanted = randomFully ? rules : rules.withoutRandomPorts();
      var plan = TablesPlan.of(saved(family), wanted, family, readBack);
      if (plan.restore().isEmpty()) {
        return plan;
      }
      try {
        write(plan, wanted, family);
        readBack.wrote();
        return plan;
      } catch (ProgramException e) {
        if (!canDoWithout(e) && (isLocked(e) || attempt == ATTEMPTS)) {
          throw explained(e, family);
        }
      }
    }
  }

  private void write(TablesPlan plan, HostRules rules, IpFamily family) throws IOException {
    if (flavour == Driver.IPTABLES_LEGACY) {
      restore(family, plan.restore());
    } else if (rules.chains(family).isEmpty()) {
      restore(family, plan.restore());
      baseChains.removeUnused(family);
    } else {
      baseChains.during(family, () -> restore(family, plan.restore()));
    }
  }

  /** Gives up what the program does not know, if that was the reason. */
  private boolean canDoWithout(ProgramException e) {
    if (randomFully && e.complaint().contains("random-fully")) {
      randomFully = false;
      return true;
    }
    if (canWait
        && (e.complaint().contains("invalid option -- 'w'")
            || e.complaint().contains("unrecognized option"))) {
      canWait = false;
      return true;
    }
    return false;
  }

  private static boolean isLocked(ProgramException e) {
    return e.complaint().contains("xtables lock");
  }

  private IOException explained(ProgramException e, IpFamily family) {
    if (isLocked(e)) {
      var holder = XtablesLock.holder().map(h -> ", held by " + h).orElse("");
      return new IOException(
          "the lock of iptables was not to be had within " + LOCK_WAIT_SECONDS + " s" + holder, e);
    }
    return new IOException(KernelFeatures.explain(e, flavour, family), e);
  }

  private SavedTables saved(IpFamily family) throws IOException {
    if (!mayHaveTables(family)) {
      return SavedTables.EMPTY;
    }
    return SavedTables.parse(programs.run(program(family, "save"), ""));
  }

  private void restore(IpFamily family, String text) throws IOException {
    var program = program(family, "restore");
    if (flavour == Driver.IPTABLES_LEGACY && XtablesLock.holder().isPresent()) {
      lockWaits++;
    }
    if (canWait) {
      programs.run(program, text, "--noflush", "-w", LOCK_WAIT_SECONDS);
    } else {
      programs.run(program, text, "--noflush");
    }
  }

  private Path program(IpFamily family, String what) throws IOException {
    return programs
        .iptables(flavour, family, what)
        .orElseThrow(() -> new IOException("there is no "
            + (family == IpFamily.V4 ? "iptables" : "ip6tables") + " of the flavour "
            + (flavour == Driver.IPTABLES_LEGACY ? "legacy" : "nft")
            + "; install the package iptables"));
  }

  /** Asks the kernel, since iptables would make the tables by looking at them. */
  private boolean mayHaveTables(IpFamily family) throws IOException {
    return flavour == Driver.IPTABLES_LEGACY
        ? hasLegacyTables(namespace, family)
        : hasNftTables(family);
  }

  static boolean hasLegacyTables(NetworkNamespace namespace, IpFamily family) throws IOException {
    var file = Path.of(
        "/proc/thread-self/net", family == IpFamily.V4 ? "ip_tables_names" : "ip6_tables_names");
    return namespace.<Boolean, IOException>call(
        () -> Files.exists(file) && !Files.readString(file).isBlank());
  }

  private boolean hasNftTables(IpFamily family) throws IOException {
    int number = family == IpFamily.V4 ? AF_INET : AF_INET6;
    try (var nftables = namespace.call(Nftables::open)) {
      for (var table : nftables.tables()) {
        for (var purpose : Purpose.values()) {
          if (table.family() == number && table.name().equals(purpose.table)) {
            return true;
          }
        }
      }
      return false;
    }
  }

  /** Returns what the kernel holds of the family; empty where there is nothing or no program to tell. */
  Optional<SavedTables> look(IpFamily family) throws IOException {
    if (programs.iptables(flavour, family, "save").isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(saved(family));
  }
}
