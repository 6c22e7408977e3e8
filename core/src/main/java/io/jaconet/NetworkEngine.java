package io.jaconet;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.util.concurrent.MoreExecutors;
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
import io.jaconet.overlay.SubnetEnv;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.overlay.Underlay;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.Backend;
import io.jaconet.spi.Backend.PeerChange;
import io.jaconet.spi.Backend.Preparation;
import io.jaconet.spi.IptablesManager;
import io.jaconet.spi.SubnetManager;
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

/**
 * One network on one host: brings lease, peers and data path together, and derives the state.
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
  private final Executor listenerExecutor;
  private final Backend backend;
  private final RandomGenerator random;
  private final Backoff watchBackoff;
  private final Backoff repairBackoff;
  private final AtomicLongArray counters = new AtomicLongArray(Counter.values().length);
  private final Runnable stopThreads;
  private final CompletableFuture<OverlayNetwork> joined = new CompletableFuture<>();
  private final CompletableFuture<@Nullable Void> closed = new CompletableFuture<>();

  private @Nullable Preparation preparation;
  private @Nullable LeaseKeeper keeper;
  private volatile @Nullable PeerReconciler peers;
  private SubnetManager.@Nullable Watch watch;
  private int watchGeneration;
  private boolean snapshotSeen;
  private @Nullable String leaseFailure;
  private @Nullable String watchFailure;
  private @Nullable String backendFailure;
  private @Nullable String rulesFailure;
  private @Nullable String fencedBecause;
  private EventLoop.@Nullable Timer watchTimer;
  private EventLoop.@Nullable Timer auditTimer;
  private boolean rulesBusy;
  private boolean rulesApplied;
  private boolean flushScheduled;
  private boolean closing;
  private volatile View view;

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
    this.stopThreads = stopThreads;
    this.listenerExecutor = MoreExecutors.newSequentialExecutor(io);
    this.backend = backend;
    this.watchBackoff = new Backoff(FIRST_RETRY, LAST_RETRY, random);
    this.repairBackoff = new Backoff(FIRST_RETRY, LAST_RETRY, random);
    this.random = random;
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
      } catch (IOException | RuntimeException e) {
        abandon(e);
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
    var request =
        new LeaseRequest(settings.config(), settings.nodeId(), prepared.attributes(), previousSubnets());
    var lease = new LeaseKeeper(
        loop, io, settings.subnetManager(), request, settings.renewMargin(), random, new LeaseReaction());
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
      log.warn("{}: {} is ignored: {}", settings.name(), file, describe(e));
      return null;
    }
  }

  /** Leaves nothing behind of a join that failed, except what was there before. */
  private void abandon(Exception cause) {
    joined.completeExceptionally(cause);
  }

  private final class LeaseReaction implements LeaseKeeper.Listener {
    @Override
    public void held(@Nullable Lease before, Lease now, boolean wasFenced) {
      leaseFailure = null;
      var shown = view.lease;
      boolean moved = shown == null || !shown.subnets().equals(now.subnets());
      if (!moved && !wasFenced) {
        count(Counter.RENEWALS, 1);
        publish(now);
        return;
      }
      fencedBecause = null;
      log.info("{}: holds {}", settings.name(), now.subnets());
      publish(now);
      if (moved) {
        tell(listener -> listener.onLease(shown, now));
        admit(now);
      }
      boolean open = reopen(now);
      if (moved && open) {
        applyRules(now);
        writeSubnetFile(now);
        rewatch();
      }
    }

    @Override
    public void fenced(String reason) {
      count(Counter.FENCINGS, 1);
      fencedBecause = reason;
      log.warn("{}: stops using its subnet: {}", settings.name(), reason);
      suspend();
      updateState();
    }

    @Override
    public void storeFailed(Exception cause) {
      count(Counter.STORE_FAILURES, 1);
      if (leaseFailure == null) {
        log.warn("{}: the lease store failed and will be asked again: {}", settings.name(), describe(cause));
      }
      leaseFailure = "lease: " + describe(cause);
      updateState();
    }

    @Override
    public void refused(Exception cause) {
      abandon(cause);
    }
  }

  private void admit(Lease own) {
    var admission = new LeaseAdmission(settings.config(), own.subnets(), prepared().underlay());
    var reconciler = peers;
    if (reconciler == null) {
      peers = new PeerReconciler(loop, backend, admission, new PeerReaction());
    } else {
      reconciler.readmit(admission);
    }
  }

  private Preparation prepared() {
    var prepared = preparation;
    checkState(prepared != null, "not prepared");
    return prepared;
  }

  /** Returns false if the join has failed with it. */
  private boolean reopen(Lease own) {
    try {
      backend.open(own);
      backendFailure = null;
    } catch (IOException e) {
      if (!joined.isDone()) {
        abandon(e);
        return false;
      }
      backendFailed(e);
    }
    if (snapshotSeen) {
      audit();
    }
    return true;
  }

  private void suspend() {
    try {
      backend.suspend();
    } catch (IOException e) {
      log.error("{}: could not stop the traffic of a subnet that is not ours any more", settings.name(), e);
      backendFailed(e);
    }
  }

  private void rewatch() {
    closeWatch();
    if (closing) {
      return;
    }
    int generation = ++watchGeneration;
    var watcher = new StoreWatcher(generation);
    io.execute(() -> {
      try {
        var started = settings.subnetManager().watch(watcher);
        loop.execute(() -> watchStarted(generation, started));
      } catch (IOException | RuntimeException e) {
        loop.execute(() -> watchFailed(generation, e));
      }
    });
  }

  private void watchStarted(int generation, SubnetManager.Watch started) {
    if (generation == watchGeneration && !closing) {
      watch = started;
    } else {
      io.execute(started::close);
    }
  }

  private void watchFailed(int generation, Exception cause) {
    if (generation != watchGeneration || closing) {
      return;
    }
    count(Counter.STORE_FAILURES, 1);
    if (watchFailure == null) {
      log.warn("{}: no longer sees changes of leases, will watch again: {}", settings.name(), describe(cause));
    }
    watchFailure = "watch: " + describe(cause);
    closeWatch();
    watchTimer = loop.schedule(watchBackoff.next(), this::rewatch);
    updateState();
  }

  private void closeWatch() {
    if (watchTimer != null) {
      watchTimer.cancel();
      watchTimer = null;
    }
    watchGeneration++;
    if (watch != null) {
      io.execute(watch::close);
      watch = null;
    }
  }

  private final class StoreWatcher implements SubnetManager.Watcher {
    private final int generation;

    StoreWatcher(int generation) {
      this.generation = generation;
    }

    private void onLoop(Runnable task) {
      loop.execute(() -> {
        if (generation == watchGeneration && !closing) {
          task.run();
        }
      });
    }

    @Override
    public void onSnapshot(ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
      onLoop(() -> snapshot(leases, unreadable));
    }

    @Override
    public void onEvents(ImmutableList<LeaseEvent> events) {
      onLoop(() -> events(events));
    }

    @Override
    public void onFailure(IOException cause) {
      loop.execute(() -> watchFailed(generation, cause));
    }
  }

  private void snapshot(ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
    watchBackoff.reset();
    watchFailure = null;
    var own = ownSubnets();
    var others = ImmutableList.<Lease>builderWithExpectedSize(leases.size());
    Lease ownRecord = null;
    for (Lease lease : leases) {
      if (lease.subnets().equals(own)) {
        ownRecord = lease;
      } else {
        others.add(lease);
      }
    }
    reconciler().snapshot(others.build(), unreadable);
    verifyUnlessOurs(ownRecord);
    boolean first = !snapshotSeen;
    snapshotSeen = true;
    if (first) {
      audit();
      if (fencedBecause == null && backendFailure == null) {
        log.info("{}: up with {} peers", settings.name(), reconciler().peerCount());
      }
      scheduleAudit();
      joined.complete(new OverlayNetwork(this));
    } else {
      scheduleFlush();
    }
    updateState();
  }

  private void events(ImmutableList<LeaseEvent> events) {
    var own = ownSubnets();
    var others = ImmutableList.<LeaseEvent>builderWithExpectedSize(events.size());
    for (LeaseEvent event : events) {
      Subnets subnets = subnetsOf(event);
      if (!own.equals(subnets)) {
        others.add(event);
      } else if (event instanceof LeaseEvent.Put put) {
        verifyUnlessOurs(put.lease());
      } else {
        verifyUnlessOurs(null);
      }
    }
    reconciler().events(others.build());
    scheduleFlush();
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
    var lease = keeper();
    var held = lease.lease();
    boolean ours = record != null
        && held != null
        && (record.revision() <= held.revision() || settings.nodeId().equals(record.holder()) && record.sameContent(held));
    if (!ours) {
      lease.verify();
    }
  }

  private LeaseKeeper keeper() {
    var lease = keeper;
    checkState(lease != null, "not started");
    return lease;
  }

  private PeerReconciler reconciler() {
    var reconciler = peers;
    checkState(reconciler != null, "no lease yet");
    return reconciler;
  }

  private Subnets ownSubnets() {
    var own = view.lease;
    checkState(own != null, "no lease yet");
    return own.subnets();
  }

  /** Flushes once for all events that wait in the loop's queue by now. */
  private void scheduleFlush() {
    if (!flushScheduled) {
      flushScheduled = true;
      loop.execute(() -> {
        flushScheduled = false;
        if (!closing && fencedBecause == null && snapshotSeen) {
          reconciler().flush();
          afterChange();
        }
      });
    }
  }

  private void audit() {
    if (closing || fencedBecause != null) {
      return;
    }
    try {
      reconciler().audit();
      count(Counter.AUDITS, 1);
      backendFailure = null;
    } catch (IOException e) {
      backendFailed(e);
    }
    afterChange();
  }

  private void scheduleAudit() {
    if (auditTimer != null) {
      auditTimer.cancel();
    }
    boolean wrong = backendFailure != null || !reconciler().pending().isEmpty();
    if (!wrong) {
      repairBackoff.reset();
    }
    Duration wait = wrong ? repairBackoff.next() : settings.auditInterval();
    auditTimer = loop.schedule(wait, () -> {
      audit();
      checkRules();
      scheduleAudit();
    });
  }

  /** Looks at what is left over, and comes back to it soon. */
  private void afterChange() {
    boolean wrong = backendFailure != null || !reconciler().pending().isEmpty();
    if (wrong && auditTimer != null && view.state.phase() == Phase.UP) {
      scheduleAudit();
    }
    updateState();
  }

  private void backendFailed(IOException e) {
    String reason = describe(e);
    if (!reason.equals(backendFailure)) {
      log.warn("{}: the data path failed and will be mended: {}", settings.name(), reason);
    }
    backendFailure = reason;
    updateState();
  }

  private final class PeerReaction implements PeerReconciler.Listener {
    @Override
    public void applied(ImmutableList<PeerChange> changes, int writes) {
      count(Counter.KERNEL_WRITES, writes);
      if (settings.listener() != null) {
        changes.forEach(change -> tell(listener -> listener.onPeer(change.before(), change.after())));
      }
    }

    @Override
    public void backendFailed(IOException cause) {
      NetworkEngine.this.backendFailed(cause);
    }

    @Override
    public void quarantined(Quarantined record) {
      log.warn("{}: keeps away from {}: {}", settings.name(), record.key(), record.reason());
      tell(listener -> listener.onQuarantine(record));
    }
  }

  private void applyRules(Lease own) {
    var rules = new TrafficRules(
        settings.config().networks(), own.subnets(), settings.masquerade(), settings.forward(), settings.blackHole());
    rulesApplied = false;
    withRules(manager -> {
      manager.apply(rules);
      loop.execute(() -> rulesApplied = true);
    });
  }

  private void checkRules() {
    if (rulesApplied) {
      withRules(manager -> manager.check().forEach(mended -> log.info("{}: mended: {}", settings.name(), mended)));
    } else if (!rulesBusy && rulesFailure != null) {
      applyRules(lease());
    }
  }

  /** Calls the packet filter's keeper away from the loop, one call at a time. */
  private void withRules(RulesCall call) {
    var manager = settings.iptablesManager();
    if (manager == null || rulesBusy) {
      return;
    }
    rulesBusy = true;
    io.execute(() -> {
      String failure = null;
      try {
        call.on(manager);
      } catch (IOException | RuntimeException e) {
        failure = "packet filter: " + describe(e);
      }
      String outcome = failure;
      loop.execute(() -> rulesDone(outcome));
    });
  }

  private void rulesDone(@Nullable String failure) {
    rulesBusy = false;
    if (failure != null && !failure.equals(rulesFailure)) {
      log.warn("{}: {}", settings.name(), failure);
    }
    rulesFailure = failure;
    updateState();
  }

  private interface RulesCall {
    void on(IptablesManager manager) throws IOException;
  }

  private void writeSubnetFile(Lease own) {
    var file = settings.subnetFile();
    if (file == null) {
      return;
    }
    var env = SubnetEnv.of(settings.config(), own.subnets(), prepared().overlayMtu(), settings.masquerade());
    io.execute(() -> {
      try {
        env.write(file);
      } catch (IOException e) {
        log.warn("{}: {} could not be written: {}", settings.name(), file, describe(e));
      }
    });
  }

  private void updateState() {
    if (closing) {
      return;
    }
    Phase phase;
    String reason = "";
    var reconciler = peers;
    String failedStore = leaseFailure != null ? leaseFailure : watchFailure;
    if (fencedBecause != null) {
      phase = Phase.FENCED;
      reason = fencedBecause;
    } else if (!snapshotSeen || reconciler == null) {
      phase = Phase.JOINING;
      reason = failedStore == null ? "" : failedStore;
    } else if (backendFailure != null) {
      phase = Phase.DEGRADED;
      reason = backendFailure;
    } else if (!reconciler.pending().isEmpty()) {
      phase = Phase.DEGRADED;
      var one = reconciler.pending().entrySet().iterator().next();
      reason = reconciler.pending().size() + " peers pending, among them " + one.getKey() + ": " + one.getValue();
    } else if (rulesFailure != null) {
      phase = Phase.DEGRADED;
      reason = rulesFailure;
    } else if (failedStore != null) {
      phase = Phase.STALE;
      reason = failedStore;
    } else {
      phase = Phase.UP;
    }
    enter(phase, reason);
  }

  private void enter(Phase phase, String reason) {
    var old = view.state;
    if (old.phase() == phase && old.reason().equals(reason)) {
      return;
    }
    var state = new NetworkState(phase, reason, old.phase() == phase ? old.since() : loop.now());
    view = new View(state, view.lease, view.overlayMtu);
    if (old.phase() != phase) {
      log.info("{}: {} -> {}{}", settings.name(), old.phase(), phase, reason.isEmpty() ? "" : ": " + reason);
    }
    tell(listener -> listener.onState(state));
  }

  private void publish(Lease own) {
    view = new View(view.state, own, prepared().overlayMtu());
    updateState();
  }

  private void tell(Consumer<NetworkListener> call) {
    var listener = settings.listener();
    if (listener != null) {
      listenerExecutor.execute(() -> {
        try {
          call.accept(listener);
        } catch (RuntimeException e) {
          log.warn("{}: a listener failed", settings.name(), e);
        }
      });
    }
  }

  private void count(Counter counter, long n) {
    counters.lazySet(counter.index(), counters.get(counter.index()) + n);
  }

  private static String describe(Exception e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
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
    closeWatch();
    if (keeper != null) {
      keeper.stop();
    }
    if (auditTimer != null) {
      auditTimer.cancel();
    }
    enter(Phase.CLOSED, "");
    closing = true;
    joined.completeExceptionally(new CancellationException("the network was closed before it was joined"));
    IOException failure = null;
    try {
      backend.close(mode);
    } catch (IOException e) {
      failure = e;
    }
    log.info("{}: closed, {}", settings.name(), mode);
    if (mode == CloseMode.KEEP) {
      finish(failure);
      return;
    }
    // The kernel comes first: a subnet that is still routed here must not be free for others.
    boolean release = mode == CloseMode.PURGE && held != null && failure == null;
    IOException soFar = failure;
    io.execute(() -> finish(removeRulesAndRelease(release ? held : null, soFar)));
  }

  private @Nullable IOException removeRulesAndRelease(@Nullable Lease lease, @Nullable IOException soFar) {
    IOException failure = soFar;
    try {
      if (settings.iptablesManager() != null) {
        settings.iptablesManager().remove();
      }
    } catch (IOException e) {
      failure = both(failure, e);
    }
    try {
      if (lease != null) {
        settings.subnetManager().release(lease);
      }
    } catch (IOException e) {
      failure = both(failure, e);
    }
    return failure;
  }

  private static IOException both(@Nullable IOException first, IOException second) {
    if (first == null) {
      return second;
    }
    first.addSuppressed(second);
    return first;
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

  /** What others than the loop may see at any time. */
  private record View(NetworkState state, @Nullable Lease lease, int overlayMtu) {}
}
