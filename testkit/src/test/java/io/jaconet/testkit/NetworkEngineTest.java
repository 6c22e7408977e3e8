package io.jaconet.testkit;

import static java.util.stream.Collectors.toMap;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.Drift;
import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.NetworkState.Phase;
import io.jaconet.NetworkStats.Counter;
import io.jaconet.OverlayNetwork;
import io.jaconet.Quarantined;
import io.jaconet.event.ManualEventLoop;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A network on fakes, in virtual time. */
class NetworkEngineTest {
  private static final Duration TTL = Duration.ofHours(1);
  private final IOException storeDown = new IOException("store unreachable");

  private final ManualEventLoop loop = new ManualEventLoop();
  private final FakeBackend backend = new FakeBackend(IpAddress.parse("192.0.2.1"));
  private final FakeSubnetManager leases = new FakeSubnetManager(TTL);
  private final Recorder events = new Recorder();

  private static final class Recorder implements NetworkListener {
    final List<Phase> phases = new ArrayList<>();
    final List<Lease> held = new ArrayList<>();
    final List<Quarantined> quarantined = new ArrayList<>();
    final List<Drift> drifts = new ArrayList<>();

    @Override
    public void onState(NetworkState state) {
      phases.add(state.phase());
    }

    @Override
    public void onLease(@Nullable Lease before, Lease after) {
      held.add(after);
    }

    @Override
    public void onQuarantine(Quarantined record) {
      quarantined.add(record);
    }

    @Override
    public void onDrift(Drift drift) {
      drifts.add(drift);
    }
  }

  /** Passes everything on, or ends with an error. */
  private static final class ErringSubnetManager implements SubnetManager {
    private final SubnetManager leases;
    private @Nullable Error error;
    private @Nullable IOException renewalFailure;

    ErringSubnetManager(SubnetManager leases) {
      this.leases = leases;
    }

    private SubnetManager leases() {
      if (error != null) {
        throw error;
      }
      return leases;
    }

    @Override
    public LeaseGrant acquire(LeaseRequest request) throws IOException {
      return leases().acquire(request);
    }

    @Override
    public LeaseGrant renew(Lease lease, LeaseAttributes attributes) throws IOException {
      if (renewalFailure != null) {
        throw renewalFailure;
      }
      return leases().renew(lease, attributes);
    }

    @Override
    public void release(Lease lease) throws IOException {
      leases().release(lease);
    }

    @Override
    public Watch watch(Watcher watcher) throws IOException {
      return leases().watch(watcher);
    }

    @Override
    public void close() throws IOException {
      leases.close();
    }
  }

  private static Subnets subnet(int n) {
    return Subnets.of(IpPrefix.parse("10.244." + n + ".0/24"));
  }

  private static LeaseAttributes attributes(int endpoint, String claim) {
    return LeaseAttributes.of(
        FakeBackend.TYPE,
        ImmutableMap.of(IpFamily.V4, IpAddress.parse("192.0.2." + endpoint)),
        ImmutableMap.of(IpFamily.V4, claim));
  }

  private Lease peer(int n) {
    return leases.put(subnet(n), attributes(n, "\"claim-" + n + "\""), "node-" + n);
  }

  private Jaconet.Builder builder() {
    return Jaconet.builder()
        .nodeId("node-1")
        .config(NetworkConfig.builder()
            .network("10.244.0.0/16")
            .backend(FakeBackend.TYPE)
            .build())
        .backendProvider(backend.provider())
        .subnetManager(leases)
        .listener(events)
        .eventLoop(loop, loop);
  }

  private OverlayNetwork join() {
    var joined = builder().join();
    loop.runReady();
    return joined.join();
  }

  @Test
  void isJoinedOnceAllKnownPeersAreInTheKernel() {
    peer(20);
    peer(21);

    var network = join();

    assertEquals(ImmutableSet.of(subnet(20), subnet(21)), backend.peers().keySet());
    assertEquals(Phase.UP, network.state().phase());
    assertEquals(1450, network.overlayMtu());
    assertEquals(network.lease(), backend.own().orElseThrow());
  }

  @Test
  void showsWhatTheBackendSaysOfItself() {
    assertEquals(FakeBackend.TYPE, join().backendStatus().features().get("dataPath"));
  }

  @Test
  void followsPeersThatComeChangeAndGo() {
    join();

    peer(20);
    loop.runReady();
    var came = backend.peers().keySet();
    leases.put(subnet(20), attributes(99, "\"other\""), "node-20");
    loop.runReady();
    var changed = backend.peers().get(subnet(20));
    leases.remove(subnet(20));
    loop.runReady();

    assertEquals(ImmutableSet.of(subnet(20)), came);
    assertEquals(attributes(99, "\"other\""), changed == null ? null : changed.attributes());
    assertEquals(ImmutableMap.of(), backend.peers());
  }

  /** F1. */
  @Test
  void anUnreadableRecordIsReportedOnceAndTouchesNoPeer() {
    peer(20);
    var network = join();

    leases.putUnreadable(new UnreadableRecord("garbage", null, "not a subnet key"));
    leases.putUnreadable(new UnreadableRecord("garbage", null, "not a subnet key"));
    loop.runReady();

    assertEquals(ImmutableSet.of(subnet(20)), backend.peers().keySet());
    assertEquals(1, events.quarantined.size());
    assertEquals("garbage", network.quarantine().get(0).key());
    assertEquals(Phase.UP, network.state().phase());
  }

  /** F2. */
  @Test
  void aPeerThatChangedWhileTheWatchWasDeafIsSeenInTheNextSnapshot() {
    peer(20);
    peer(21);
    join();
    leases.silenceWatches();
    leases.put(subnet(20), attributes(99, "\"other\""), "node-20");
    leases.remove(subnet(21));
    peer(22);
    leases.fail(null);

    rewatch();

    assertEquals(ImmutableSet.of(subnet(20), subnet(22)), backend.peers().keySet());
    var changed = backend.peers().get(subnet(20));
    assertEquals(attributes(99, "\"other\""), changed == null ? null : changed.attributes());
  }

  /** F3. */
  @Test
  void theOwnLeaseIsNeverAPeerHoweverManySnapshotsCome() {
    peer(20);
    var network = join();

    for (int i = 0; i < 5; i++) {
      rewatch();
    }

    assertEquals(ImmutableSet.of(subnet(20)), backend.peers().keySet());
    assertEquals(1, events.held.size());
    assertEquals(ImmutableList.of(), network.quarantine());
  }

  private void rewatch() {
    leases.cutWatches(new IOException("cut"));
    loop.advance(Duration.ofSeconds(30));
  }

  @Test
  void saysStaleWhileChangesAreNotSeenAndKeepsThePeers() {
    peer(20);
    var network = join();

    leases.fail(storeDown);
    leases.cutWatches(storeDown);
    loop.advance(Duration.ofMinutes(5));
    var whileDown = network.state();
    leases.fail(null);
    loop.advance(Duration.ofSeconds(30));

    assertEquals(Phase.STALE, whileDown.phase());
    assertTrue(whileDown.reason().contains("store unreachable"), whileDown.reason());
    assertEquals(ImmutableSet.of(subnet(20)), backend.peers().keySet());
    assertEquals(Phase.UP, network.state().phase());
  }

  /** T16. */
  @Test
  void isUpWithinTwoSecondsOfTheStoresReturnHoweverLongItWasAway() {
    var network = join();
    leases.fail(storeDown);
    leases.cutWatches(storeDown);
    // Long enough for the renewal to fail as well.
    loop.advance(TTL.multipliedBy(3).dividedBy(4));
    var whileDown = network.state();
    leases.fail(null);
    loop.advance(Duration.ofSeconds(2));

    assertEquals(Phase.STALE, whileDown.phase());
    assertEquals(Phase.UP, network.state().phase());
  }

  /** T16: what was asked before the return may fail after it. */
  @Test
  void isUpSoonThoughARenewalFailsThatWasUnderWayAtTheStoresReturn() {
    var store = new ErringSubnetManager(leases);
    var held = new ArrayDeque<Runnable>();
    boolean[] holds = {false};
    var joined = builder()
        .subnetManager(store)
        .eventLoop(loop, task -> {
          if (holds[0]) {
            held.add(task);
          } else {
            loop.execute(task);
          }
        })
        .join();
    loop.runReady();
    var network = joined.join();
    leases.fail(storeDown);
    leases.cutWatches(storeDown);
    loop.advance(TTL.multipliedBy(3).dividedBy(4));
    holds[0] = true;
    loop.advance(Duration.ofSeconds(15));
    int underWay = held.size();

    leases.fail(null);
    store.renewalFailure = storeDown;
    holds[0] = false;
    while (!held.isEmpty()) {
      held.remove().run();
      loop.runReady();
    }
    store.renewalFailure = null;
    loop.advance(Duration.ofSeconds(2));

    assertTrue(underWay >= 2, "a watch and a renewal, but " + underWay);
    assertEquals(Phase.UP, network.state().phase());
  }

  /** T16. */
  @Test
  void joinsWithinTwoSecondsOfTheStoresReturn() {
    leases.fail(storeDown);
    var joined = builder().join();
    loop.advance(Duration.ofMinutes(10));
    boolean early = joined.isDone();
    leases.fail(null);
    loop.advance(Duration.ofSeconds(2));

    assertFalse(early);
    assertEquals(Phase.UP, joined.join().state().phase());
  }

  @Test
  void aWatchThatAlwaysFailsAfterItsSnapshotIsBegunAnewEverMoreRarely() {
    join();
    int before = leases.calls();
    for (int i = 0; i < 600; i++) {
      leases.cutWatches(storeDown);
      loop.advance(Duration.ofMillis(100));
    }

    assertTrue(leases.calls() - before < 80, "calls: " + (leases.calls() - before));
  }

  /** I17. */
  @Test
  void asksADeadStoreLessThanOnceASecond() {
    join();
    leases.fail(storeDown);
    leases.cutWatches(storeDown);
    loop.advance(Duration.ofMinutes(1));
    int before = leases.calls();

    loop.advance(Duration.ofMinutes(10));

    assertTrue(leases.calls() - before < 600, "calls: " + (leases.calls() - before));
  }

  @Test
  void renewsAtHalfItsTimeToLive() {
    var network = join();

    loop.advance(TTL.multipliedBy(5));

    assertEquals(Phase.UP, network.state().phase());
    assertTrue(network.stats().get(Counter.RENEWALS) >= 9, network.stats().toString());
    assertEquals(1, events.held.size());
  }

  @Test
  void stopsUsingASubnetBeforeAnyoneElseMayHaveItAndComesBack() {
    peer(20);
    var network = join();
    leases.fail(storeDown);

    loop.advance(TTL.minusSeconds(30));
    boolean usedShortlyBefore = backend.carriesTraffic();
    loop.advance(Duration.ofSeconds(29));
    boolean usedAtTheEnd = backend.carriesTraffic();
    var fenced = network.state();
    leases.fail(null);
    loop.advance(Duration.ofMinutes(1));

    assertTrue(usedShortlyBefore);
    assertFalse(usedAtTheEnd);
    assertEquals(Phase.FENCED, fenced.phase());
    assertEquals(Phase.UP, network.state().phase());
    assertTrue(backend.carriesTraffic());
    assertEquals(ImmutableSet.of(subnet(20)), backend.peers().keySet());
  }

  /** I19. */
  @Test
  void saysUpOnlyOnceTrafficFlowsAgain() {
    peer(20);
    List<Boolean> flowedWhenUp = new ArrayList<>();
    var joined = builder()
        .listener(new NetworkListener() {
          @Override
          public void onState(NetworkState state) {
            if (state.phase() == Phase.UP) {
              flowedWhenUp.add(backend.carriesTraffic() && backend.peers().containsKey(subnet(20)));
            }
          }
        })
        .eventLoop(loop, Runnable::run)
        .join();
    loop.runReady();

    leases.remove(joined.join().lease().subnets());
    loop.advance(Duration.ofMinutes(1));

    assertEquals(List.of(true, true), flowedWhenUp);
  }

  /** I13. */
  @Test
  void triesAgainToStopTrafficThatCouldNotBeStopped() {
    var network = join();
    leases.fail(storeDown);
    backend.fail(new IOException("kernel refuses"));
    loop.advance(TTL);
    boolean usedWhileRefused = backend.carriesTraffic();

    backend.fail(null);
    loop.advance(Duration.ofSeconds(15));

    assertTrue(usedWhileRefused);
    assertFalse(backend.carriesTraffic());
    assertEquals(Phase.FENCED, network.state().phase());
  }

  /** T38: the process stood still for longer than its lease lasts, and the subnet went to another. */
  @Test
  void afterAPauseLongerThanTheLeaseItStopsFirstAndThenAsks() {
    var network = join();
    var mine = network.lease().subnets();
    leases.silenceWatches();
    leases.remove(mine);
    leases.put(mine, attributes(50, "\"thief\""), "node-50");

    loop.pause(TTL.multipliedBy(2));
    loop.runReady();
    loop.advance(Duration.ofMinutes(1));

    assertTrue(events.phases.contains(Phase.FENCED), events.phases.toString());
    assertFalse(network.lease().subnets().equals(mine));
    assertEquals("node-50", leases.lease(mine).orElseThrow().holder());
    assertEquals(ImmutableSet.of(mine), backend.peers().keySet());
    assertEquals(Phase.UP, network.state().phase());
  }

  @Test
  void aWallClockThatLeapsPastTheEndFencesToo() {
    var network = join();
    leases.fail(storeDown);

    loop.stepWallClock(TTL.multipliedBy(2));
    loop.advance(Duration.ofMinutes(1));

    assertEquals(Phase.FENCED, network.state().phase());
  }

  /** T32. */
  @Test
  void aLeaseThatIsTakenAwayIsNoticedAtOnce() {
    var network = join();
    var mine = network.lease().subnets();

    leases.put(mine, attributes(50, "\"thief\""), "node-50");
    loop.runReady();
    boolean usedAfterTheft =
        backend.carriesTraffic() && network.lease().subnets().equals(mine);
    loop.advance(Duration.ofMinutes(1));

    assertFalse(usedAfterTheft);
    assertFalse(network.lease().subnets().equals(mine));
    assertEquals(Phase.UP, network.state().phase());
    assertEquals(2, events.held.size());
  }

  @Test
  void aLeaseThatWasDeletedIsAcquiredAgainWithTheSameSubnet() {
    var network = join();
    var mine = network.lease().subnets();

    leases.remove(mine);
    loop.advance(Duration.ofMinutes(1));

    assertEquals(mine, network.lease().subnets());
    assertEquals(Phase.UP, network.state().phase());
    assertEquals(1, network.stats().get(Counter.FENCINGS));
  }

  /** A write of an earlier attempt, which reached the store late. */
  @Test
  void whatElseIsWrittenUnderTheOwnNodeIdIsRemoved() {
    var network = join();

    leases.put(subnet(30), network.lease().attributes(), "node-1");
    loop.runReady();
    boolean thereAfterTheEvent = leases.lease(subnet(30)).isPresent();
    leases.silenceWatches();
    leases.put(subnet(31), network.lease().attributes(), "node-1");
    rewatch();

    assertFalse(thereAfterTheEvent);
    assertFalse(leases.lease(subnet(31)).isPresent());
    assertTrue(leases.lease(network.lease().subnets()).isPresent());
    assertEquals(ImmutableList.of(), network.quarantine());
  }

  @Test
  void triesAgainToRemoveWhatElseIsUnderTheOwnNodeId() {
    var network = join();

    leases.fail(storeDown);
    leases.put(subnet(30), network.lease().attributes(), "node-1");
    loop.advance(Duration.ofSeconds(5));
    leases.fail(null);
    loop.advance(Duration.ofSeconds(10));

    assertFalse(leases.lease(subnet(30)).isPresent());
  }

  /** The event of a new lease may be heard before the answer is. */
  @Test
  void theLeaseThatIsBeingAcquiredIsNotTakenForAStray() {
    var network = join();
    var mine = network.lease().subnets();

    leases.put(mine, attributes(50, "\"thief\""), "node-50");
    loop.advance(Duration.ofMinutes(1));

    assertFalse(network.lease().subnets().equals(mine));
    assertTrue(leases.lease(network.lease().subnets()).isPresent());
    assertEquals(1, network.stats().get(Counter.FENCINGS));
  }

  /** T33. */
  @Test
  void theSecondOfTwoPeersWithOneClaimIsKeptAwayUntilTheFirstGoes() {
    peer(20);
    var network = join();

    leases.put(subnet(21), attributes(21, "\"claim-20\""), "clone");
    loop.runReady();
    var whileBoth = backend.peers().keySet();
    var quarantined = network.quarantine();
    leases.remove(subnet(20));
    loop.runReady();

    assertEquals(ImmutableSet.of(subnet(20)), whileBoth);
    assertEquals("10.244.21.0-24", quarantined.get(0).key());
    assertEquals("clone", quarantined.get(0).holder());
    assertTrue(
        quarantined.get(0).reason().contains("node-20"), quarantined.get(0).reason());
    assertEquals(ImmutableSet.of(subnet(21)), backend.peers().keySet());
    assertEquals(ImmutableList.of(), network.quarantine());
  }

  /** F7, T22. */
  @Test
  void aLeaseThatWouldHijackTheHostIsKeptAway() {
    var network = join();

    leases.put(Subnets.of(IpPrefix.parse("0.0.0.0/0")), attributes(30, "\"a\""), "evil");
    leases.put(Subnets.of(IpPrefix.parse("192.0.2.0/24")), attributes(31, "\"b\""), "evil");
    leases.put(Subnets.of(IpPrefix.parse("10.244.0.0/17")), attributes(32, "\"c\""), "evil");
    leases.put(subnet(40), attributes(1, "\"d\""), "evil");
    peer(20);
    loop.runReady();

    assertEquals(ImmutableSet.of(subnet(20)), backend.peers().keySet());
    assertEquals(4, network.quarantine().size());
    assertEquals(4, events.quarantined.size());
  }

  @Test
  void aPeerThatIsRefusedIsTriedAgainAndHoldsUpNobody() {
    var network = join();
    backend.refuse(subnet(20));

    peer(20);
    peer(21);
    loop.runReady();
    var degraded = network.state();
    var pending = network.pending();
    backend.accept(subnet(20));
    loop.advance(Duration.ofSeconds(15));

    assertEquals(Phase.DEGRADED, degraded.phase());
    assertEquals(ImmutableMap.of(subnet(20), "refused"), pending);
    assertEquals(ImmutableSet.of(subnet(20), subnet(21)), backend.peers().keySet());
    assertEquals(Phase.UP, network.state().phase());
  }

  @Test
  void mendsWhatOthersBreakAtTheNextAudit() {
    peer(20);
    var network = join();
    backend.damage(subnet(20));

    loop.advance(Duration.ofSeconds(10));

    assertEquals(ImmutableSet.of(subnet(20)), backend.peers().keySet());
    assertEquals(Phase.UP, network.state().phase());
  }

  /** I26. */
  @Test
  void mendsWhatIsAnnouncedAtOnceAndTellsOfIt() {
    peer(20);
    var network = join();

    backend.damage(subnet(20));
    backend.announce();
    loop.advance(Duration.ofMillis(100));

    assertEquals(ImmutableSet.of(subnet(20)), backend.peers().keySet());
    assertEquals(1, events.drifts.size());
    assertEquals("peer 10.244.20.0/24", events.drifts.get(0).object());
    assertEquals(1, network.stats().get(Counter.DRIFT_REPAIRED));
  }

  /** T12: what is left alone for having been mended too often is nothing to hurry for, whatever that costs. */
  @Test
  void whatIsLeftAloneIsLookedAtInNoOtherIntervalThanTheRest() {
    peer(20);
    var network = join();
    backend.leave(subnet(20));
    backend.damage(subnet(20));
    backend.announce();
    loop.advance(Duration.ofSeconds(1));
    long audits = network.stats().get(Counter.AUDITS);
    var phase = network.state().phase();

    loop.advance(Duration.ofMinutes(1));

    assertEquals(Phase.DEGRADED, phase);
    assertEquals(6, network.stats().get(Counter.AUDITS) - audits);
    backend.accept(subnet(20));
    loop.advance(Duration.ofSeconds(10));
    assertEquals(Phase.UP, network.state().phase());
  }

  /** T09. */
  @Test
  void publishesAnotherAddressUnderTheSameSubnet() {
    peer(20);
    var network = join();
    var subnets = network.lease().subnets();
    var moved = IpAddress.parse("192.0.2.77");

    backend.moveTo(moved);
    loop.advance(Duration.ofSeconds(1));

    assertEquals(subnets, network.lease().subnets());
    assertEquals(
        moved,
        leases.lease(subnets).orElseThrow().attributes().publicIp(IpFamily.V4).orElseThrow());
    assertEquals(1, events.held.size());
    assertEquals(Phase.UP, network.state().phase());
    assertEquals(ImmutableSet.of(subnet(20)), backend.peers().keySet());
  }

  /** T09: what was published while the store did not answer is published when it does. */
  @Test
  void publishesTheLastAddressOnceTheStoreAnswers() {
    var network = join();
    leases.fail(storeDown);

    backend.moveTo(IpAddress.parse("192.0.2.77"));
    loop.advance(Duration.ofSeconds(5));
    backend.moveTo(IpAddress.parse("192.0.2.78"));
    loop.advance(Duration.ofSeconds(5));
    leases.fail(null);
    loop.advance(Duration.ofMinutes(1));

    assertEquals(
        IpAddress.parse("192.0.2.78"),
        network.lease().attributes().publicIp(IpFamily.V4).orElseThrow());
    assertEquals(Phase.UP, network.state().phase());
  }

  /** T22: an underlay that the overlay overlaps would lose its routes to it. */
  @Test
  void doesNotFollowToAnUnderlayInsideTheOverlay() {
    var network = join();

    backend.moveTo(IpAddress.parse("10.244.99.1"));
    loop.advance(Duration.ofMinutes(1));
    var inside = network.state();
    backend.moveTo(IpAddress.parse("192.0.2.1"));
    loop.advance(Duration.ofSeconds(1));

    assertEquals(Phase.DEGRADED, inside.phase());
    assertEquals(Phase.UP, network.state().phase());
  }

  /** T38: the store's answer took longer than the lease lasts. */
  @Test
  void anAnswerThatComesAfterTheEndOfTheLeaseIsNotBelieved() {
    Duration[] delay = {Duration.ZERO};
    var joined =
        builder().eventLoop(loop, task -> loop.schedule(delay[0], task)).join();
    loop.runReady();
    var network = joined.join();
    delay[0] = TTL.multipliedBy(2);

    loop.advance(TTL.multipliedBy(2).plus(TTL.dividedBy(2)).plusSeconds(1));
    boolean usedAfterTheAnswer = backend.carriesTraffic();
    delay[0] = Duration.ZERO;
    loop.advance(TTL.multipliedBy(3));

    assertFalse(usedAfterTheAnswer);
    assertEquals(Phase.UP, network.state().phase());
    assertTrue(backend.carriesTraffic());
  }

  /** T11. */
  @Test
  void anErrorOfTheStoreEndsNeitherRenewalsNorTheWatch() {
    var store = new ErringSubnetManager(leases);
    var joined = builder().subnetManager(store).join();
    loop.runReady();
    var network = joined.join();

    store.error = new NoClassDefFoundError("a class of the store's");
    leases.cutWatches(storeDown);
    loop.advance(TTL.minusMinutes(10));
    var meanwhile = network.state();
    store.error = null;
    peer(21);
    loop.advance(TTL.multipliedBy(2));

    assertEquals(Phase.STALE, meanwhile.phase());
    assertEquals(Phase.UP, network.state().phase());
    assertEquals(ImmutableSet.of(subnet(21)), backend.peers().keySet());
  }

  /** T11. */
  @Test
  void anErrorOfAListenerHarmsNothing() {
    var joined = builder()
        .listener(new NetworkListener() {
          @Override
          public void onPeer(@Nullable Lease before, @Nullable Lease after) {
            throw new AssertionError("a listener's");
          }
        })
        .join();
    peer(20);
    loop.runReady();
    peer(21);
    loop.runReady();

    assertEquals(Phase.UP, joined.join().state().phase());
    assertEquals(ImmutableSet.of(subnet(20), subnet(21)), backend.peers().keySet());
  }

  @Test
  void writesNothingWhenNothingHappens() {
    peer(20);
    join();
    int before = backend.writes();

    loop.advance(Duration.ofMinutes(10));

    assertEquals(before, backend.writes());
  }

  @Test
  void aDataPathThatFailsDegradesTheNetworkAndIsMended() {
    peer(20);
    var network = join();

    backend.fail(new IOException("device is gone"));
    peer(21);
    loop.advance(Duration.ofMinutes(1));
    var degraded = network.state();
    backend.fail(null);
    loop.advance(Duration.ofSeconds(15));

    assertEquals(Phase.DEGRADED, degraded.phase());
    assertTrue(degraded.reason().contains("device is gone"), degraded.reason());
    assertEquals(ImmutableSet.of(subnet(20), subnet(21)), backend.peers().keySet());
    assertEquals(Phase.UP, network.state().phase());
  }

  @Test
  void aListenerThatThrowsHarmsNothing() {
    var joined = builder()
        .listener(new NetworkListener() {
          @Override
          public void onState(NetworkState state) {
            throw new IllegalStateException("listener");
          }
        })
        .join();
    loop.runReady();

    assertEquals(Phase.UP, joined.join().state().phase());
  }

  @Test
  void waitsForAStoreThatIsNotThereYet() {
    leases.fail(storeDown);
    var joined = builder().join();
    loop.advance(Duration.ofMinutes(3));
    assertFalse(joined.isDone());

    leases.fail(null);
    loop.advance(Duration.ofMinutes(1));

    assertEquals(Phase.UP, joined.join().state().phase());
  }

  @Test
  void failsToJoinWhereTheDataPathCannotBeMade() {
    backend.fail(new IOException("kernel has no vxlan"));

    var joined = builder().join();
    loop.runReady();

    var failure = assertThrows(ExecutionException.class, joined::get);
    assertInstanceOf(IOException.class, failure.getCause());
  }

  @Test
  void failsToJoinWhereTheDataPathCannotEvenBeLoaded() {
    backend.failToLoad(new UnsatisfiedLinkError("no native library"));

    var joined = builder().join();
    loop.runReady();

    var failure = assertThrows(ExecutionException.class, joined::get);
    assertInstanceOf(UnsatisfiedLinkError.class, failure.getCause());
  }

  @Test
  void failsToJoinAFullNetwork() {
    for (int n = 1; n <= 255; n++) {
      leases.put(subnet(n), attributes(n, "\"claim-" + n + "\""), "other");
    }

    var joined = builder().join();
    loop.runReady();

    var failure = assertThrows(ExecutionException.class, joined::get);
    assertTrue(String.valueOf(failure.getMessage()).contains("are leased"), failure.getMessage());
  }

  @Test
  void cancellingTheJoinClosesIt() {
    leases.fail(storeDown);
    var joined = builder().join();
    loop.advance(Duration.ofSeconds(1));

    joined.cancel(false);
    loop.runReady();
    int calls = leases.calls();
    loop.advance(Duration.ofHours(1));

    assertEquals(calls, leases.calls());
  }

  @Test
  void setsTheRulesChecksThemAndRemovesThem() {
    var rules = new FakeIptablesManager();
    var joined = builder().iptablesManager(rules).masquerade(true).join();
    loop.runReady();
    var network = joined.join();
    var applied = rules.present().orElseThrow();
    rules.damage();

    loop.advance(Duration.ofSeconds(10));
    var mended = rules.present();
    close(network, CloseMode.WITHDRAW);

    assertEquals(network.lease().subnets(), applied.own());
    assertTrue(applied.masquerade() && applied.forward());
    assertEquals(applied, mended.orElseThrow());
    assertTrue(rules.present().isEmpty());
  }

  private static ImmutableSet<IpAddress> publicIps(Lease... peers) {
    return Arrays.stream(peers)
        .map(peer -> peer.attributes().publicIp(IpFamily.V4).orElseThrow())
        .collect(ImmutableSet.toImmutableSet());
  }

  @Test
  void theGuardFollowsThePeersAndGoesWithTheRules() {
    var rules = new FakeIptablesManager();
    var one = peer(20);
    var joined = builder().iptablesManager(rules).guard(true).join();
    loop.runReady();
    var network = joined.join();
    var first = rules.guard().orElseThrow();
    var two = peer(21);
    loop.runReady();
    var second = rules.guard().orElseThrow();
    close(network, CloseMode.WITHDRAW);

    assertEquals(publicIps(one), first.peers());
    assertEquals(publicIps(one, two), second.peers());
    assertEquals("eth0", first.interfaceName());
    assertTrue(rules.guard().isEmpty());
  }

  @Test
  void aNetworkWithRulesIsUpOnceTheyAreSet() {
    var states = new ArrayList<NetworkState>();
    var rules = new FakeIptablesManager();
    var joined = builder()
        .iptablesManager(rules)
        .listener(new NetworkListener() {
          @Override
          public void onState(NetworkState state) {
            assertEquals(state.phase() == Phase.UP, rules.present().isPresent());
            states.add(state);
          }
        })
        .join();
    loop.runReady();

    assertTrue(joined.isDone());
    assertEquals(List.of(Phase.UP), states.stream().map(NetworkState::phase).toList());
  }

  @Test
  void rulesThatCannotBeSetDegradeTheNetworkUntilTheyCan() {
    var rules = new FakeIptablesManager();
    rules.fail(new IOException("xtables lock is held"));
    var joined = builder().iptablesManager(rules).join();
    loop.runReady();
    var degraded = joined.join().state();

    rules.fail(null);
    loop.advance(Duration.ofSeconds(10));

    assertEquals(Phase.DEGRADED, degraded.phase());
    assertTrue(degraded.reason().contains("xtables lock is held"), degraded.reason());
    assertTrue(rules.present().isPresent());
    assertEquals(Phase.UP, joined.join().state().phase());
  }

  @Test
  void keepLeavesTrafficAndLease() {
    peer(20);
    var network = join();

    close(network, CloseMode.KEEP);

    assertTrue(backend.carriesTraffic());
    assertTrue(leases.lease(network.lease().subnets()).isPresent());
    assertEquals(Phase.CLOSED, network.state().phase());
  }

  @Test
  void withdrawStopsTrafficAndKeepsTheLease() {
    peer(20);
    var network = join();

    close(network, CloseMode.WITHDRAW);

    assertFalse(backend.carriesTraffic());
    assertTrue(leases.lease(network.lease().subnets()).isPresent());
  }

  @Test
  void purgeReleasesTheLeaseAfterTrafficHasStopped() {
    peer(20);
    var network = join();

    close(network, CloseMode.PURGE);

    assertFalse(backend.carriesTraffic());
    assertFalse(leases.lease(network.lease().subnets()).isPresent());
  }

  @Test
  void purgeKeepsTheLeaseOfASubnetThatCouldNotBeWithdrawn() {
    var network = join();
    backend.fail(new IOException("kernel refuses"));

    var closed = network.closeAsync(CloseMode.PURGE);
    loop.runReady();

    assertTrue(closed.isCompletedExceptionally());
    assertTrue(leases.lease(network.lease().subnets()).isPresent());
  }

  @Test
  void aClosedNetworkDoesNothingMore() {
    var network = join();
    close(network, CloseMode.KEEP);
    int calls = leases.calls();

    peer(20);
    loop.advance(Duration.ofHours(5));

    assertEquals(calls, leases.calls());
    assertEquals(ImmutableMap.of(), backend.peers());
    assertEquals(0, loop.pendingTasks());
  }

  private void close(OverlayNetwork network, CloseMode mode) {
    CompletableFuture<?> closed = network.closeAsync(mode);
    loop.runReady();
    closed.join();
  }

  /** I14: any mix of events, snapshots and lost events ends in the state of the last snapshot. */
  @Test
  void snapshotsAndEventsLeadToTheSameState() {
    long seed = new Random().nextLong();
    System.out.println("NetworkEngineTest seed " + seed);
    var random = new Random(seed);
    var network = join();
    for (int step = 0; step < 3_000; step++) {
      int n = 20 + random.nextInt(8);
      switch (random.nextInt(8)) {
        case 0 -> leases.remove(subnet(n));
        case 1 ->
          leases.putUnreadable(new UnreadableRecord(subnet(n).key(), subnet(n), "bad JSON"));
        case 2 -> leases.silenceWatches();
        case 3 -> rewatch();
        case 4 -> loop.runReady();
        default ->
          leases.put(
              subnet(n),
              attributes(20 + random.nextInt(10), "\"claim-" + random.nextInt(6) + "\""),
              "node-" + n);
      }
      if (step % 50 == 49) {
        rewatch();
        var incremental = backend.peers();
        var fresh = freshlyJoined(network.lease());
        assertEquals(content(fresh), content(incremental), "step " + step);
      }
    }
  }

  private Map<Subnets, Lease> freshlyJoined(Lease own) {
    var freshLoop = new ManualEventLoop();
    var freshBackend = new FakeBackend(IpAddress.parse("192.0.2.1"));
    var joined = Jaconet.builder()
        .nodeId("node-1")
        .config(NetworkConfig.builder()
            .network("10.244.0.0/16")
            .backend(FakeBackend.TYPE)
            .build())
        .backendProvider(freshBackend.provider())
        .subnetManager(new Reading(own))
        .eventLoop(freshLoop, freshLoop)
        .join();
    freshLoop.runReady();
    joined.join();
    return freshBackend.peers();
  }

  /** Lets a second network look at the same leases without touching them. */
  private final class Reading implements SubnetManager {
    private final Lease own;

    Reading(Lease own) {
      this.own = own;
    }

    @Override
    public LeaseGrant acquire(LeaseRequest request) {
      return new LeaseGrant(own, null);
    }

    @Override
    public LeaseGrant renew(Lease lease, LeaseAttributes attributes) {
      return new LeaseGrant(own, null);
    }

    @Override
    public void release(Lease lease) {}

    @Override
    public Watch watch(Watcher watcher) throws IOException {
      return leases.watch(watcher);
    }

    @Override
    public void close() {}
  }

  private static Map<Subnets, LeaseAttributes> content(Map<Subnets, Lease> peers) {
    return peers.entrySet().stream()
        .collect(toMap(Map.Entry::getKey, entry -> entry.getValue().attributes()));
  }
}
