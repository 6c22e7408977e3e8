package io.jaconet;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.NetworkHealth.Concern;
import io.jaconet.NetworkState.Phase;
import io.jaconet.NetworkStats.Counter;
import io.jaconet.event.Backoff;
import io.jaconet.event.EventLoop;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAdmission;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.RulesStatus;
import io.jaconet.overlay.SubnetEnv;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.overlay.Underlay;
import io.jaconet.overlay.UnderlayGuard;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.Backend;
import io.jaconet.spi.Backend.PeerChange;
import io.jaconet.spi.Backend.Preparation;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * One network on one host: brings lease, peers and data path together.
 *
 * <p>Everything is written on the network's event loop; the accessors at the end may be called from any thread.
 */
final class NetworkEngine {
  private static final Logger log = LoggerFactory.getLogger(NetworkEngine.class);
  private static final Duration FIRST_RETRY = Duration.ofMillis(100);
  private static final Duration LAST_RETRY = Duration.ofSeconds(10);

  private final Settings settings;
  private final EventLoop loop;
  private final Executor io;
  private final @Nullable ListenerCalls listenerCalls;
  private final Runnable stopThreads;
  private final Backend backend;
  private final RandomGenerator random;
  private final StoreWatch watch;
  private final DataPathKeeper dataPath;
  private final NetworkLog says;
  private final DriftLog driftLog;
  private final @Nullable RulesKeeper rules;
  private final NetworkHealth health = new NetworkHealth();
  private final AtomicLongArray counters = new AtomicLongArray(Counter.values().length);
  private final CompletableFuture<OverlayNetwork> joined = new CompletableFuture<>();
  private final CompletableFuture<@Nullable Void> closed = new CompletableFuture<>();

  private @Nullable Preparation preparation;
  private @Nullable LeaseKeeper keeper;
  private volatile @Nullable PeerReconciler peers;
  private boolean closing;
  private volatile View view;

  /** What others than the loop may see at any time. */
  private record View(NetworkState state, @Nullable Lease lease, int overlayMtu) {}

  /**
   * @param io runs calls that may block, several at a time
   * @param stopThreads ends loop and executor; called when all is done
   */
  NetworkEngine(
      Settings settings,
      EventLoop loop,
      Executor io,
      Runnable stopThreads,
      Backend backend,
      RandomGenerator random) {
    this.settings = settings;
    this.loop = loop;
    this.io = io;
    var listener = settings.listener();
    this.listenerCalls =
        listener == null ? null : new ListenerCalls(settings.name(), listener, io, loop);
    this.stopThreads = stopThreads;
    this.backend = backend;
    this.random = random;
    this.dataPath = new DataPathKeeper(
        loop,
        backend,
        this::reconciler,
        settings.auditInterval(),
        new Backoff(FIRST_RETRY, LAST_RETRY, random),
        new DataPathReaction());
    this.says = new NetworkLog(loop, settings.name());
    this.driftLog = new DriftLog(loop, says);
    this.watch = new StoreWatch(loop, io, settings.subnetManager(), random, new WatchReaction());
    var manager = settings.iptablesManager();
    this.rules = manager == null
        ? null
        : new RulesKeeper(loop, io, manager, settings.guard(), this::noteRules);
    this.view = new View(new NetworkState(Phase.JOINING, "", loop.now()), null, 0);
  }

  /** Starts; the future fails if the network cannot be joined, and everything is undone. */
  CompletableFuture<OverlayNetwork> join() {
    var unused = joined.whenComplete((network, failure) -> {
      if (failure != null) {
        var unusedToo = close(CloseMode.KEEP);
      }
    });
    loop.execute(() -> {
      try {
        start();
      } catch (Throwable e) {
        // An Error too: a native library that does not load must not leave the caller waiting.
        joined.completeExceptionally(e);
      }
    });
    return joined;
  }

  private void start() throws IOException {
    if (closing) {
      return;
    }
    var prepared = backend.prepare();
    preparation = prepared;
    settings.config().requireDisjointFrom(hostPrefixes(prepared.underlay()));
    var request = new LeaseRequest(
        settings.config(), settings.nodeId(), prepared.attributes(), previousSubnets());
    var lease = new LeaseKeeper(
        loop,
        io,
        settings.subnetManager(),
        request,
        settings.renewMargin(),
        random,
        new LeaseReaction());
    keeper = lease;
    lease.start();
  }

  private static ImmutableList<IpPrefix> hostPrefixes(Underlay underlay) {
    var prefixes = ImmutableList.<IpPrefix>builder().addAll(underlay.prefixes());
    underlay.publicIps().values().forEach(address -> prefixes.add(IpPrefix.host(address)));
    return prefixes.build();
  }

  private @Nullable Subnets previousSubnets() {
    var file = settings.subnetFile();
    if (settings.previousSubnets() != null || file == null || !Files.exists(file)) {
      return settings.previousSubnets();
    }
    try {
      return SubnetEnv.read(file).previous();
    } catch (IOException e) {
      log.warn("{}: {} is ignored: {}", settings.name(), file, DataPathKeeper.describe(e));
      return null;
    }
  }

  private final class LeaseReaction implements LeaseKeeper.Listener {
    @Override
    public void held(@Nullable Lease before, Lease now, boolean wasFenced) {
      var shown = view.lease;
      boolean moved = shown == null || !shown.subnets().equals(now.subnets());
      view = new View(view.state, now, prepared().overlayMtu());
      note(Concern.LEASE, null);
      if (!moved && !wasFenced) {
        count(Counter.RENEWALS, 1);
        return;
      }
      says.say(Level.INFO, "holds " + now.subnets());
      if (moved) {
        tell(listener -> listener.onLease(shown, now));
        admit(now);
      }
      boolean opened = open(now);
      if (shown != null && moved) {
        note(Concern.WATCH, "the leases are looked at anew from another subnet");
      }
      // Not before traffic flows again.
      note(Concern.FENCED, null);
      if (moved && opened) {
        settle(now);
      }
    }

    @Override
    public void fenced(String reason) {
      count(Counter.FENCINGS, 1);
      note(Concern.FENCED, reason);
      dataPath.suspend();
    }

    @Override
    public void storeFailed(Exception cause) {
      count(Counter.STORE_FAILURES, 1);
      note(Concern.LEASE, "lease: " + DataPathKeeper.describe(cause));
    }

    @Override
    public void refused(Exception cause) {
      joined.completeExceptionally(cause);
    }
  }

  private Preparation prepared() {
    var prepared = preparation;
    checkState(prepared != null, "not prepared");
    return prepared;
  }

  private void admit(Lease own) {
    var admission =
        new LeaseAdmission(settings.config(), own.subnets(), prepared().underlay());
    var reconciler = peers;
    if (reconciler == null) {
      peers = new PeerReconciler(loop, backend, admission, new PeerReaction());
    } else {
      reconciler.readmit(admission);
    }
  }

  /** Returns false if the join has failed with it. */
  private boolean open(Lease own) {
    try {
      dataPath.open(own);
    } catch (IOException e) {
      if (!joined.isDone()) {
        joined.completeExceptionally(e);
        return false;
      }
    }
    return true;
  }

  /** Does what other subnets than before call for: packet filter, file, and a look at all leases with other eyes. */
  private void settle(Lease own) {
    if (rules != null) {
      note(Concern.RULES_UNSET, "");
      rules.want(new TrafficRules(
          settings.config().networks(),
          own.subnets(),
          settings.masquerade(),
          settings.forward(),
          settings.blackHole()));
    }
    writeSubnetFile(own);
    watch.restart();
  }

  private void writeSubnetFile(Lease own) {
    var file = settings.subnetFile();
    if (file != null) {
      var env = SubnetEnv.of(
          settings.config(), own.subnets(), prepared().overlayMtu(), settings.masquerade());
      io.execute(() -> {
        try {
          env.write(file);
        } catch (IOException e) {
          log.warn(
              "{}: {} could not be written: {}", settings.name(), file, DataPathKeeper.describe(e));
        }
      });
    }
  }

  /** Has tunnel packets taken from the peers of now. Not before they are known: a guard of an earlier run knows more than none. */
  private void guard() {
    var ports = prepared().tunnelPorts();
    if (rules != null
        && settings.guard()
        && !ports.isEmpty()
        && !health.isWrong(Concern.PEERS_UNKNOWN)) {
      rules.guard(new UnderlayGuard(
          ports,
          prepared().underlay().interfaceName(),
          settings.config().networks(),
          reconciler().publicIps()));
    }
  }

  private final class WatchReaction implements StoreWatch.Listener {
    @Override
    public void snapshot(ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
      var own = lease().subnets();
      var others = ImmutableList.<Lease>builderWithExpectedSize(leases.size());
      Lease ownRecord = null;
      for (Lease lease : leases) {
        if (lease.subnets().equals(own)) {
          ownRecord = lease;
        } else {
          others.add(lease);
          noteIfStray(lease);
        }
      }
      if (keeper != null) {
        keeper.storeAnswers();
      }
      verifyUnlessOurs(ownRecord);
      reconciler().snapshot(others.build(), unreadable);
      if (health.isWrong(Concern.PEERS_UNKNOWN)) {
        note(Concern.WATCH, null);
        programmedFirst();
      } else {
        dataPath.flush();
        // Not before the kernel knows what was missed.
        note(Concern.WATCH, null);
      }
    }

    @Override
    public void events(ImmutableList<LeaseEvent> events) {
      var own = lease().subnets();
      var others = ImmutableList.<LeaseEvent>builderWithExpectedSize(events.size());
      for (LeaseEvent event : events) {
        if (!own.equals(subnetsOf(event))) {
          others.add(event);
          if (event instanceof LeaseEvent.Put put) {
            noteIfStray(put.lease());
          }
        } else {
          verifyUnlessOurs(event instanceof LeaseEvent.Put put ? put.lease() : null);
        }
      }
      reconciler().events(others.build());
      dataPath.scheduleFlush();
    }

    @Override
    public void watchFailed(Throwable cause) {
      count(Counter.STORE_FAILURES, 1);
      note(Concern.WATCH, "watch: " + DataPathKeeper.describe(cause));
    }
  }

  private static @Nullable Subnets subnetsOf(LeaseEvent event) {
    if (event instanceof LeaseEvent.Put put) {
      return put.lease().subnets();
    }
    if (event instanceof LeaseEvent.Removed removed) {
      return removed.subnets();
    }
    return event instanceof LeaseEvent.Unreadable bad ? bad.record().subnets() : null;
  }

  /** Has the store asked about the own lease, if what it says of it may not come from us. */
  private void verifyUnlessOurs(@Nullable Lease record) {
    var lease = keeper;
    var held = lease == null ? null : lease.lease();
    boolean ours = record != null
        && held != null
        && (record.revision() <= held.revision()
            || settings.nodeId().equals(record.holder()) && record.sameContent(held));
    if (lease != null && !ours) {
      note(Concern.LEASE, "lease: the store's record of it is not as it was written here");
      lease.verify();
    }
  }

  private void noteIfStray(Lease other) {
    if (keeper != null && settings.nodeId().equals(other.holder())) {
      keeper.found(other);
    }
  }

  private void programmedFirst() {
    dataPath.start();
    note(Concern.PEERS_UNKNOWN, null);
    guard();
    says.say(Level.INFO, "knows " + reconciler().peerCount() + " peers");
    joined.complete(new OverlayNetwork(this));
  }

  private PeerReconciler reconciler() {
    var reconciler = peers;
    checkState(reconciler != null, "no lease yet");
    return reconciler;
  }

  private final class DataPathReaction implements DataPathKeeper.Listener {
    @Override
    public void note(Concern concern, @Nullable String reason) {
      NetworkEngine.this.note(concern, reason);
    }

    @Override
    public void wrote(int writes) {
      count(Counter.KERNEL_WRITES, writes);
    }

    @Override
    public void audited() {
      count(Counter.AUDITS, 1);
    }

    @Override
    public void tick() {
      if (rules != null) {
        rules.maintain();
      }
    }

    @Override
    public void mended(ImmutableList<Drift> drifts) {
      count(Counter.DRIFT_REPAIRED, drifts.size());
      driftLog.mended(drifts);
      if (listenerCalls != null) {
        drifts.forEach(drift -> tell(listener -> listener.onDrift(drift)));
      }
    }

    @Override
    public void prepared(Preparation now) {
      settings.config().requireDisjointFrom(hostPrefixes(now.underlay()));
      var before = NetworkEngine.this.prepared();
      if (!now.equals(before)) {
        preparation = now;
        follow(before, now);
      }
    }
  }

  /** Does what another underlay than before calls for, but for the data path: what is published, the peers' admission, MTU and guard. */
  private void follow(Preparation before, Preparation now) {
    var own = lease();
    says.say(
        Level.INFO,
        "the underlay is " + now.underlay().interfaceName() + " with "
            + now.underlay().publicIps().values() + " and MTU " + now.underlay().mtu() + " now");
    view = new View(view.state, own, now.overlayMtu());
    admit(own);
    if (keeper != null && !now.attributes().equals(before.attributes())) {
      keeper.publish(now.attributes());
    }
    if (now.overlayMtu() != before.overlayMtu()) {
      tell(listener -> listener.onOverlayMtu(before.overlayMtu(), now.overlayMtu()));
      writeSubnetFile(own);
    }
    guard();
  }

  private final class PeerReaction implements PeerReconciler.Listener {
    @Override
    public void applied(ImmutableList<PeerChange> changes) {
      if (!changes.isEmpty()) {
        guard();
      }
      if (listenerCalls != null) {
        changes.forEach(
            change -> tell(listener -> listener.onPeer(change.before(), change.after())));
      }
    }

    @Override
    public void quarantined(Quarantined record) {
      says.say(Level.WARN, "keeps away from " + record.key() + ": " + record.reason());
      tell(listener -> listener.onQuarantine(record));
    }
  }

  private void noteRules(@Nullable String failure) {
    note(Concern.RULES, failure);
    note(Concern.RULES_UNSET, null);
  }

  /** Notes what is wrong, or well again, and derives the state. */
  private void note(Concern concern, @Nullable String reason) {
    if (closing || !health.note(concern, reason)) {
      return;
    }
    if (reason != null) {
      log.debug("{}: {}: {}", settings.name(), concern, reason);
    }
    enter(health.phase(), health.reason());
  }

  private void enter(Phase phase, String reason) {
    var old = view.state;
    if (old.phase() == phase && old.reason().equals(reason)) {
      return;
    }
    var state = new NetworkState(phase, reason, old.phase() == phase ? old.since() : loop.now());
    view = new View(state, view.lease, view.overlayMtu);
    if (old.phase() != phase) {
      boolean good = phase == Phase.UP || phase == Phase.CLOSED;
      says.say(good ? Level.INFO : Level.WARN, phase + (reason.isEmpty() ? "" : ": " + reason));
    }
    tell(listener -> listener.onState(state));
  }

  private void tell(Consumer<NetworkListener> call) {
    if (listenerCalls != null) {
      listenerCalls.add(call);
    }
  }

  private void count(Counter counter, long n) {
    counters.lazySet(counter.index(), counters.get(counter.index()) + n);
  }

  /** Closes; the future ends when all is done, with the failures that were met. */
  CompletableFuture<@Nullable Void> close(CloseMode mode) {
    loop.execute(() -> shutDown(mode));
    return closed;
  }

  private void shutDown(CloseMode mode) {
    if (closing) {
      return;
    }
    var held = keeper == null ? null : keeper.lease();
    watch.stop();
    if (keeper != null) {
      keeper.stop();
    }
    enter(Phase.CLOSED, "");
    closing = true;
    joined.completeExceptionally(
        new CancellationException("the network was closed before it was joined"));
    new Departure(settings, io, mode, held, this::finish).begin(dataPath, rules);
  }

  private void finish(@Nullable IOException failure) {
    if (failure == null) {
      closed.complete(null);
    } else {
      closed.completeExceptionally(failure);
    }
    stopThreads();
  }

  void stopThreads() {
    stopThreads.run();
  }

  Settings settings() {
    return settings;
  }

  NetworkState state() {
    return view.state;
  }

  Lease lease() {
    var lease = view.lease;
    checkState(lease != null, "not joined");
    return lease;
  }

  int overlayMtu() {
    return view.overlayMtu;
  }

  ImmutableList<Lease> peers() {
    var reconciler = peers;
    return reconciler == null ? ImmutableList.of() : reconciler.peers();
  }

  ImmutableMap<Subnets, String> pending() {
    var reconciler = peers;
    return reconciler == null ? ImmutableMap.of() : reconciler.pending();
  }

  ImmutableList<Quarantined> quarantine() {
    var reconciler = peers;
    return reconciler == null ? ImmutableList.of() : reconciler.quarantine();
  }

  Backend.Status backendStatus() {
    return backend.status();
  }

  RulesStatus rulesStatus() {
    var manager = settings.iptablesManager();
    return manager == null ? RulesStatus.NONE : manager.status();
  }

  NetworkStats stats() {
    var values = new long[counters.length()];
    for (int i = 0; i < values.length; i++) {
      values[i] = counters.get(i);
    }
    var reconciler = peers;
    if (reconciler != null) {
      values[Counter.PEERS.index()] = reconciler.peerCount();
      values[Counter.PEERS_PENDING.index()] = reconciler.pending().size();
      values[Counter.QUARANTINED.index()] = reconciler.quarantineCount();
    }
    return new NetworkStats(values);
  }
}
