package io.jaconet.iptables;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import com.google.common.collect.ImmutableSet;
import io.jaconet.iptables.RuleChain.Purpose;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.Nftables;
import io.jaconet.linux.Nftables.Chain;
import io.jaconet.linux.Nftables.Table;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;

/**
 * The chains of the kernel's hooks, which iptables-nft makes when it needs them and never removes. Those that came to be by our writing
 * go again if they are empty when our rules go; after a restart it is not known whose they are, and they stay. Not thread-safe.
 */
final class BaseChains {
  private static final int ATTEMPTS = 5;

  private final NetworkNamespace namespace;
  private final Set<Place> made = new HashSet<>();
  private final Set<Table> madeTables = new HashSet<>();

  private record Place(Table table, String chain) {
    boolean isOf(Chain candidate) {
      return candidate.table().equals(table) && candidate.name().equals(chain);
    }
  }

  /** Something that may make base chains. */
  interface Writing {
    void run() throws IOException;
  }

  BaseChains(NetworkNamespace namespace) {
    this.namespace = namespace;
  }

  private static Place place(Purpose purpose, IpFamily family) {
    return new Place(NftProgram.key(NftRules.familyName(family), purpose.table), purpose.hook);
  }

  /** Writes, and notes which chains of {@code family} come to be by it. */
  void during(IpFamily family, Writing writing) throws IOException {
    ImmutableSet<Place> absent;
    ImmutableSet<Table> tables;
    try (var nftables = namespace.call(Nftables::open)) {
      var chains = nftables.chains();
      tables = ImmutableSet.copyOf(nftables.tables());
      absent = ImmutableSet.copyOf(Purpose.values()).stream()
          .map(purpose -> place(purpose, family))
          .filter(place -> chains.stream().noneMatch(place::isOf))
          .collect(toImmutableSet());
    }
    writing.run();
    made.addAll(absent);
    absent.stream().map(Place::table).filter(t -> !tables.contains(t)).forEach(madeTables::add);
  }

  /** Removes the chains of {@code family} that were made and that nobody uses, and tables that are empty then. */
  void removeUnused(IpFamily family) throws IOException {
    try (var nftables = namespace.call(Nftables::open)) {
      for (var purpose : Purpose.values()) {
        var place = place(purpose, family);
        if (made.remove(place)) {
          removeUnused(place, nftables);
        }
      }
    }
  }

  /** Others may be writing: what is removed must be empty in the very ruleset that it is removed from. */
  private void removeUnused(Place place, Nftables nftables) throws IOException {
    for (int attempt = 1; ; attempt++) {
      int generation = nftables.generation();
      var inTable = nftables.chains().stream()
          .filter(c -> c.table().equals(place.table()))
          .toList();
      var chain = inTable.stream().filter(place::isOf).findFirst();
      if (chain.isEmpty() || chain.get().uses() > 0 || chain.get().drops()) {
        return;
      }
      try {
        if (inTable.size() == 1 && madeTables.contains(place.table())) {
          nftables.deleteTable(place.table(), generation);
        } else {
          nftables.deleteChain(chain.get(), generation);
        }
        return;
      } catch (IOException e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
  }
}
