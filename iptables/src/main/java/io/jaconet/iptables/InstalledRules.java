package io.jaconet.iptables;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Iterables;
import io.jaconet.iptables.DriverChoice.HostFacts;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.Nftables;
import io.jaconet.linux.NftablesEvents;
import io.jaconet.linux.NftablesEvents.Change;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.RulesStatus;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.overlay.UnderlayGuard;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What of ours is in the packet filter, and how it gets there. Not thread-safe, but for {@link #concerns} and {@link #interval}. */
final class InstalledRules implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(InstalledRules.class);

  private static final int NF_INET_FORWARD = 2;

  private final NetworkNamespace namespace;
  private final HostPacketFilter.Builder options;
  private final Programs programs;
  private final NftProgram nft;
  private final BlackHoles blackHoles;
  private final Guard guard;

  private volatile @Nullable RulesDriver driver;
  private volatile Duration lastCheckTook = Duration.ZERO;
  private DriverChoice choice = new DriverChoice(Driver.NFTABLES, "");
  private @Nullable NftablesEvents events;
  private @Nullable TrafficRules wanted;
  private HostRules rules = HostRules.NONE;
  private boolean rulesMayHaveChanged = true;
  private int present;
  private @Nullable Instant lastCheck;
  private long repairs;
  private ImmutableList<String> warnings = ImmutableList.of();

  InstalledRules(NetworkNamespace namespace, HostPacketFilter.Builder options) {
    this.namespace = namespace;
    this.options = options;
    this.programs = new Programs(namespace, options.searchPath);
    this.nft = new NftProgram(namespace, programs);
    this.blackHoles = new BlackHoles(namespace);
    this.guard = new Guard(nft, namespace);
  }

  /** Returns whether {@code change} may be one of our rules or of the guard. */
  boolean concerns(Change change) {
    var chosen = driver;
    return guard.concerns(change) || chosen == null || chosen.concerns(change);
  }

  /** Returns how long to wait before the next look at what nobody tells of: what looking costs must not add up. */
  Duration interval() {
    var twice = lastCheckTook.multipliedBy(2);
    return twice.compareTo(options.resync) > 0 ? twice : options.resync;
  }

  void apply(TrafficRules traffic) throws IOException {
    noteChanges();
    var chosen = driver == null ? choose() : driver;
    var next = HostRules.of(traffic, options.randomFully, options.masqueradePorts);
    if (rulesMayHaveChanged || !next.equals(rules) || !chosen.isTold()) {
      rulesMayHaveChanged = true;
      ensure(chosen, next);
    }
    blackHoles.ensure(blackHoles(traffic));
    wanted = traffic;
    rules = next;
    warnings = warnings();
  }

  /** A rule of one table cannot accept what another table drops, as rules of one chain of iptables can. */
  private ImmutableList<String> warnings() throws IOException {
    if (choice.driver() != Driver.NFTABLES) {
      return ImmutableList.of();
    }
    try (var nftables = namespace.call(Nftables::open)) {
      return nftables.chains().stream()
          .filter(chain -> chain.hook() == NF_INET_FORWARD && chain.drops())
          .map(
              chain -> "chain " + chain.name() + " of table " + chain.table().name()
                  + " drops forwarded packets that its own rules do not accept, and nftables lets no other table accept them")
          .collect(ImmutableList.toImmutableList());
    }
  }

  private static ImmutableSet<IpPrefix> blackHoles(TrafficRules traffic) {
    return traffic.blackHole() ? ImmutableSet.copyOf(traffic.own().prefixes()) : ImmutableSet.of();
  }

  void guard(@Nullable UnderlayGuard wanted) throws IOException {
    noteChanges();
    guard.ensure(wanted);
  }

  ImmutableList<String> check() throws IOException {
    var traffic = wanted;
    var chosen = driver;
    checkState(traffic != null && chosen != null, "apply never succeeded, or remove came after it");
    noteChanges();
    long start = System.nanoTime();
    var mended = ImmutableList.<String>builder();
    if (rulesMayHaveChanged || !chosen.isTold()) {
      mended.addAll(ensure(chosen, rules));
    }
    mended.addAll(blackHoles.ensure(blackHoles(traffic)));
    mended.addAll(guard.check());
    warnings = warnings();
    var all = mended.build();
    repairs += all.size();
    lastCheck = Instant.now();
    lastCheckTook = Duration.ofNanos(System.nanoTime() - start);
    return all;
  }

  /** What changes from here on is noticed by the next call: the events of it are there by then. */
  private void noteChanges() throws IOException {
    if (events == null) {
      events = namespace.call(NftablesEvents::open);
      return;
    }
    var changes = events.drain();
    boolean unknown = !changes.complete();
    var chosen = driver;
    rulesMayHaveChanged |=
        unknown || chosen == null || Iterables.any(changes.known(), chosen::concerns);
    if (unknown || Iterables.any(changes.known(), guard::concerns)) {
      guard.mayHaveChanged();
    }
  }

  private ImmutableList<String> ensure(RulesDriver chosen, HostRules next) throws IOException {
    var outcome = chosen.ensure(next);
    present = outcome.present();
    // What was written is read back once, when its events come.
    rulesMayHaveChanged = false;
    if (!outcome.masquerade().isEmpty()) {
      var forgotten = StaleConnections.forget(namespace, next, outcome.masquerade());
      if (!forgotten.isEmpty()) {
        log.info(
            "{} connections had another source address than the rules say, and begin anew",
            forgotten.size());
      }
    }
    return outcome.mended();
  }

  private RulesDriver choose() throws IOException {
    var made = options.driver != null
        ? new DriverChoice(options.driver, "the application chose it")
        : options.enableNftables
            ? new DriverChoice(Driver.NFTABLES, "EnableNFTables is set")
            : DriverChoice.among(facts());
    var chosen = driver(made.driver());
    cleanUp(made.driver());
    choice = made;
    driver = chosen;
    log.info("rules are kept with {}: {}", made.driver(), made.reason());
    return chosen;
  }

  private RulesDriver driver(Driver kind) {
    return kind == Driver.NFTABLES
        ? new NftablesDriver(nft)
        : new IptablesDriver(kind, namespace, programs);
  }

  private HostFacts facts() throws IOException {
    boolean legacy = has(Driver.IPTABLES_LEGACY);
    boolean nftFlavour = has(Driver.IPTABLES_NFT);
    return new HostFacts(
        legacy,
        nftFlavour,
        programs.nft().isPresent(),
        programs.usualFlavour().orElse(null),
        foreignRules(Driver.IPTABLES_LEGACY),
        foreignRules(Driver.IPTABLES_NFT));
  }

  private boolean has(Driver flavour) {
    return programs.iptables(flavour, IpFamily.V4, "restore").isPresent();
  }

  private int foreignRules(Driver flavour) throws IOException {
    int rules = 0;
    for (var family : IpFamily.values()) {
      rules += new IptablesDriver(flavour, namespace, programs)
          .look(family)
          .map(SavedTables::foreignRules)
          .orElse(0);
    }
    return rules;
  }

  /** Removes what an earlier run wrote by another driver. Where its program is missing, there is nothing that it could have written. */
  private void cleanUp(Driver chosen) throws IOException {
    for (var other : Driver.values()) {
      if (other != chosen && (other == Driver.NFTABLES || has(other))) {
        driver(other).ensure(HostRules.NONE);
      }
    }
  }

  void remove() throws IOException {
    IOException failure = null;
    for (var kind : Driver.values()) {
      if (kind == Driver.NFTABLES || has(kind)) {
        try {
          var chosen = kind == choice.driver() ? driver : null;
          (chosen == null ? driver(kind) : chosen).ensure(HostRules.NONE);
        } catch (IOException e) {
          failure = both(failure, e);
        }
      }
    }
    try {
      blackHoles.ensure(ImmutableSet.of());
      guard.ensure(null);
    } catch (IOException e) {
      failure = both(failure, e);
    }
    if (failure != null) {
      throw failure;
    }
    wanted = null;
    rules = HostRules.NONE;
    rulesMayHaveChanged = true;
    present = 0;
    driver = null;
  }

  private static IOException both(@Nullable IOException first, IOException second) {
    if (first == null) {
      return second;
    }
    first.addSuppressed(second);
    return first;
  }

  RulesStatus status() {
    var chosen = driver;
    if (chosen == null) {
      return RulesStatus.NONE;
    }
    long lockWaits = chosen instanceof IptablesDriver iptables ? iptables.lockWaits() : 0;
    return new RulesStatus(
        choice.driver().toString(),
        choice.reason(),
        chosen.count(rules),
        present,
        lastCheck,
        repairs,
        lockWaits,
        guard.drops(),
        warnings);
  }

  long processes() {
    return programs.started();
  }

  @Override
  public void close() throws IOException {
    if (events != null) {
      events.close();
    }
  }
}
