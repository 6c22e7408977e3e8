package io.jaconet.subnet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.ManualEventLoop;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.PublicIpInUseException;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What the manager does when others do not keep to the rules, when answers are lost, and when time passes. */
class LeaseSafetyTest {
  private static final NetworkConfig CONFIG = NetworkConfig.parse("{\"Network\": \"10.5.0.0/16\"}");
  private static final String KEY = "10.5.52.0-24";
  private static final Duration TTL = Duration.ofHours(24);

  private final ManualEventLoop loop = new ManualEventLoop();
  private final InMemoryLeaseStore store = new InMemoryLeaseStore(loop);
  private final StoreSubnetManager manager = managerOver(store);

  @Test
  void takesOverTheRecordThatFlanneldWroteForThePublicIp() throws IOException {
    store.overwrite(KEY, attributes(1).toJson(), TTL);

    var lease = manager.acquire(request(1)).lease();

    assertEquals(KEY, lease.subnets().key());
    assertEquals("node-1", lease.holder());
    assertEquals(1, store.list().entries().size());
  }

  @Test
  void refusesThePublicIpThatFlanneldTookAfterThisNodeHadAnotherLease() throws IOException {
    manager.acquire(request(1));
    store.overwrite("10.5.254.0-24", attributes(2).toJson(), TTL);

    var refusal = assertThrows(
        PublicIpInUseException.class,
        () -> manager.acquire(new LeaseRequest(CONFIG, "node-1", attributes(2), null)));
    assertTrue(String.valueOf(refusal.getMessage()).contains("10.5.254.0/24"), refusal::toString);
  }

  @Test
  void leavesAReservationWithoutAnEnd() throws IOException {
    store.overwrite(KEY, attributes(1).toJson(), null);

    var grant = manager.acquire(request(1));
    assertNull(grant.timeToLive());
    var renewed = managerOver(store).renew(grant.lease(), attributes(3));
    assertNull(renewed.timeToLive());
    manager.release(renewed.lease());

    loop.advance(Duration.ofDays(1000));
    assertEquals(KEY, store.list().entries().get(0).key());
  }

  @Test
  void takesNoticeWhenALiveLeaseIsMadeAReservationByHand() throws IOException {
    var lease = manager.acquire(request(1)).lease();
    store.overwrite(lease.subnets().key(), lease.attributes().toJson(), null);

    assertNull(manager.renew(lease, attributes(1)).timeToLive());
  }

  /** Failure F5, on the clock: paused past the end, the subnet given to another. */
  @Test
  void losesTheLeaseWhenPausedPastItsEnd() throws IOException {
    var lost = manager.acquire(request(1)).lease();
    loop.pause(TTL);
    var held = manager.acquire(request(2, lost.subnets())).lease();
    assertEquals(lost.subnets(), held.subnets());

    assertThrows(LeaseLostException.class, () -> manager.renew(lost, attributes(1)));
    manager.release(lost);
    assertEquals(List.of(held), leases());
  }

  /** One record for everything would otherwise lock everybody out. */
  @Test
  void aRecordThatCoversTheWholeNetworkTakesNoSubnetAway() throws IOException {
    store.overwrite("0.0.0.0-0", attributes(7).toJson(), TTL);
    store.overwrite("10.5.0.0-16", attributes(8).toJson(), TTL);

    assertEquals(
        24,
        manager
            .acquire(request(1))
            .lease()
            .subnets()
            .prefix(IpFamily.V4)
            .orElseThrow()
            .length());
  }

  /** They cover the range together, or in a part of the network all that there is of it. */
  @Test
  void recordsOfTheWrongLengthThatNobodyHoldsTakeTheLastSubnetFromNobody() throws IOException {
    store.overwrite("10.5.0.0-17", attributes(7).toJson(), TTL);
    store.overwrite("10.5.128.0-17", "not JSON", TTL);
    store.overwrite(KEY, attributes(8).toJson(), TTL);

    for (int node = 20; node < 274; node++) {
      var subnets = manager.acquire(request(node)).lease().subnets();
      assertNotEquals(KEY, subnets.key());
    }
    assertThrows(NoFreeSubnetException.class, () -> manager.acquire(request(9)));
  }

  @Test
  void aHostWhosePreviousSubnetSuchARecordCoversGetsItAgain() throws IOException {
    store.overwrite("10.5.0.0-17", attributes(7).toJson(), TTL);
    store.overwrite("10.5.128.0-17", attributes(8).toJson(), TTL);
    var previous = Subnets.parseKey(KEY);

    assertEquals(previous, manager.acquire(request(1, previous)).lease().subnets());
  }

  @Test
  void whatIsOutsideSuchARecordIsChosenFirst() throws IOException {
    store.overwrite("10.5.0.0-17", attributes(7).toJson(), TTL);

    for (int node = 20; node < 148; node++) {
      var subnets = manager.acquire(request(node)).lease().subnets();
      assertFalse(subnets.overlaps(Subnets.parseKey("10.5.0.0-17")), subnets::toString);
    }
  }

  /** A host of an older configuration, whose subnets were larger. */
  @Test
  void aRecordOfTheWrongLengthThatANodeHoldsIsRespectedToTheLast() throws IOException {
    store.create(Subnets.parseKey("10.5.0.0-17"), attributes(7).toJson(), "old-1", TTL);
    store.create(Subnets.parseKey("10.5.128.0-17"), attributes(8).toJson(), "old-2", TTL);

    var refusal = assertThrows(NoFreeSubnetException.class, () -> manager.acquire(request(1)));
    assertTrue(String.valueOf(refusal.getMessage()).contains("10.5.0.0/17"), refusal::toString);
  }

  /** T13: a cloned machine, with the id of the one it was cloned from. */
  @Test
  void losesTheLeaseToAnotherProcessWithTheSameNodeId() throws IOException {
    var lost = manager.acquire(request(1)).lease();
    managerOver(store).acquire(new LeaseRequest(CONFIG, "node-1", attributes(2), null));

    var loss = assertThrows(LeaseLostException.class, () -> manager.renew(lost, attributes(1)));
    assertTrue(
        String.valueOf(loss.getMessage()).contains("with our node id node-1"), loss::toString);
  }

  @Test
  void findsTheLeaseWhoseCreationWasNotAnswered() throws IOException {
    var unsteady = new UnsteadyStore(store);
    unsteady.failAfterWriting = 1;

    var grant = managerOver(unsteady).acquire(request(1));

    assertEquals(List.of(grant.lease()), leases());
  }

  /** It may be of an earlier attempt, and end earlier than the answer would say. */
  @Test
  void writesAnewWhatItFindsInPlaceOfAnAnswer() throws IOException {
    var unsteady = new UnsteadyStore(store);
    unsteady.failAfterWriting = 1;

    var lease = managerOver(unsteady).acquire(request(1)).lease();

    assertTrue(lease.revision() > lease.created());
  }

  @Test
  void passesOnThatARenewalWasNotWritten() throws IOException {
    var lease = manager.acquire(request(1)).lease();
    var unsteady = new UnsteadyStore(store);
    unsteady.failBeforeWriting = 1;
    var unsteadyManager = managerOver(unsteady);

    assertThrows(IOException.class, () -> unsteadyManager.renew(lease, attributes(1)));
    assertEquals(List.of(lease), leases());
    assertEquals(
        lease.created(), unsteadyManager.renew(lease, attributes(1)).lease().created());
  }

  @Test
  void doesNotTakeAnOldRecordForARenewalThatWasNotWritten() throws IOException {
    manager.acquire(request(1));
    var unsteady = new UnsteadyStore(store);
    unsteady.failBeforeWriting = 1;

    assertThrows(IOException.class, () -> managerOver(unsteady).acquire(request(1)));
  }

  @Test
  void findsTheRenewalThatWasNotAnswered() throws IOException {
    var lease = manager.acquire(request(1)).lease();
    var unsteady = new UnsteadyStore(store);
    unsteady.failAfterWriting = 1;

    assertEquals(List.of(managerOver(unsteady).renew(lease, attributes(2)).lease()), leases());
  }

  /** I13: the answers to two renewals are lost, and only the first was written. */
  @Test
  void doesNotTakeTheRenewalOfAnEarlierAttemptForItsOwn() throws IOException {
    var unsteady = new UnsteadyStore(store);
    var unsteadyManager = managerOver(unsteady);
    var lease = unsteadyManager.acquire(request(1)).lease();
    unsteady.failAfterWriting = 1;
    unsteady.failLists = true;
    assertThrows(IOException.class, () -> unsteadyManager.renew(lease, attributes(1)));
    loop.advance(Duration.ofHours(1));
    unsteady.failBeforeWriting = 1;
    unsteady.failLists = false;

    var grant = unsteadyManager.renew(lease, attributes(1));

    assertEquals(TTL, grant.timeToLive());
    assertEquals(TTL, store.list().entries().get(0).timeToLive());
  }

  @Test
  void discardsARecordOnlyAsItWasSeenAndNoReservation() throws IOException {
    var rewritten = manager.acquire(request(1)).lease();
    var stray = manager.acquire(request(2)).lease();
    var reserved = manager.acquire(request(3)).lease();
    var renewed = manager.renew(rewritten, attributes(1)).lease();
    store.overwrite(reserved.subnets().key(), attributes(3).toJson(), null);

    manager.discard(rewritten);
    manager.discard(stray);
    for (var lease : leases()) {
      if (lease.subnets().equals(reserved.subnets())) {
        manager.discard(lease);
      }
    }

    var left = leases().stream().map(Lease::subnets).toList();
    assertEquals(2, left.size());
    assertTrue(
        left.contains(renewed.subnets()) && left.contains(reserved.subnets()), left::toString);
  }

  @Test
  void givesUpAfterTenLostRacesInARow() {
    var unsteady = new UnsteadyStore(store);
    unsteady.conflicts = 10;
    var refusal = assertThrows(IOException.class, () -> managerOver(unsteady).acquire(request(1)));
    assertTrue(String.valueOf(refusal.getMessage()).contains("lost 10 races"), refusal::toString);
  }

  @Test
  void winsTheTenthRace() throws IOException {
    var unsteady = new UnsteadyStore(store);
    unsteady.conflicts = 9;

    managerOver(unsteady).acquire(request(1));
  }

  @Test
  void anInterruptEndsTheRaces() {
    var unsteady = new UnsteadyStore(store);
    unsteady.conflicts = 10;
    Thread.currentThread().interrupt();

    assertThrows(InterruptedIOException.class, () -> managerOver(unsteady).acquire(request(1)));
    assertTrue(Thread.interrupted(), "the interrupt was swallowed");
  }

  @Test
  void stopsAtTheEndOfTheRange() throws IOException {
    var config = NetworkConfig.parse(
        "{\"Network\": \"10.5.0.0/16\", \"SubnetMin\": \"10.5.254.0\", \"SubnetMax\": \"10.5.255.0\"}");

    manager.acquire(new LeaseRequest(config, "node-1", attributes(1), null));
    manager.acquire(new LeaseRequest(config, "node-2", attributes(2), null));

    assertThrows(
        NoFreeSubnetException.class,
        () -> manager.acquire(new LeaseRequest(config, "node-3", attributes(3), null)));
  }

  @Test
  void neverChoosesWhatOverlapsALargerOrSmallerForeignSubnet() throws IOException {
    var small = NetworkConfig.parse("{\"Network\": \"10.5.0.0/24\", \"SubnetLen\": 28}");
    store.overwrite("10.5.0.16-28", attributes(50).toJson(), TTL);
    store.overwrite("10.5.0.32-27", attributes(51).toJson(), TTL);
    store.overwrite("10.5.0.64-26", attributes(52).toJson(), TTL);
    store.overwrite("10.5.0.128-30", attributes(53).toJson(), TTL);
    store.overwrite("10.5.0.176-29", attributes(54).toJson(), TTL);
    store.overwrite("10.5.0.192-26", "unreadable", TTL);

    var bases = new ArrayList<String>();
    for (int n = 1; n <= 2; n++) {
      bases.add(manager
          .acquire(new LeaseRequest(small, "node-" + n, attributes(n), null))
          .lease()
          .subnets()
          .toString());
    }
    bases.sort(null);
    assertEquals(
        List.of("10.5.0.144/28", "10.5.0.160/28"),
        bases.stream().filter(base -> !base.equals("10.5.0.0/28")).toList());
  }

  private static RandomGenerator alwaysTaking(int number) {
    return new RandomGenerator() {
      @Override
      public long nextLong() {
        return number;
      }

      @Override
      public int nextInt(int bound) {
        return number % bound;
      }
    };
  }

  @Test
  void choosesAsASlowModelDoes() throws IOException {
    long seed = new Random().nextLong();
    var random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      var config = NetworkConfig.parse("{\"Network\": \"10.5.0.0/20\", \"SubnetLen\": 25}");
      var taken = new ArrayList<Subnets>();
      for (int i = random.nextInt(30); i > 0; i--) {
        taken.add(Subnets.of(new IpPrefix(
            IpAddress.v4(0x0a05_0000 | random.nextInt(1 << 12)), 22 + random.nextInt(8))));
      }
      var all = IpPrefix.parse("10.5.0.0/25");
      var free = new ArrayList<Subnets>();
      for (int i = 0; i < 32; i++, all = all.next()) {
        var candidate = Subnets.of(all);
        if (FreeSubnets.fit(config, candidate) && taken.stream().noneMatch(candidate::overlaps)) {
          free.add(candidate);
        }
      }
      var seen = new HashSet<Subnets>();
      for (int i = 0; i < 32 && !free.isEmpty(); i++) {
        seen.add(new FreeSubnets(config, records(taken)).choose(null, alwaysTaking(i)));
      }
      assertEquals(new HashSet<>(free), seen, "seed " + seed + " round " + round);
    }
  }

  @Test
  void choosesAmongAHundredThousandLeasesInOneWalk() throws IOException {
    var config = NetworkConfig.parse("{\"Network\": \"10.0.0.0/8\", \"SubnetLen\": 26}");
    var subnet = IpPrefix.parse("10.0.0.64/26");
    var taken = ImmutableList.<Subnets>builder();
    for (int i = 0; i < 100_000; i++, subnet = subnet.next()) {
      taken.add(Subnets.of(subnet));
    }

    long start = System.nanoTime();
    var chosen = new FreeSubnets(config, records(taken.build())).choose(null, new Random(1));
    assertTrue(System.nanoTime() - start < Duration.ofSeconds(5).toNanos(), "took too long");
    assertTrue(
        chosen.compareTo(Subnets.of(subnet)) >= 0 || chosen.toString().equals("10.0.0.0/26"),
        chosen::toString);
  }

  @Test
  void aWatchListsAnewWhenTheStoreForgotWhatHappened() throws IOException {
    var told = new Told();
    manager.watch(told);
    loop.runReady();
    var lease = manager.acquire(request(1)).lease();
    store.compact();
    loop.runReady();

    assertEquals(2, told.snapshots.size());
    assertEquals(List.of(lease), told.snapshots.get(1));
    var peer = manager.acquire(request(2)).lease();
    loop.runReady();
    assertEquals(List.of(new LeaseEvent.Put(peer)), told.events);
    assertEquals(List.of(), told.failures);
  }

  @Test
  void aWatchThatCannotStartOverFails() throws IOException {
    var unsteady = new UnsteadyStore(store);
    var told = new Told();
    managerOver(unsteady).watch(told);
    loop.runReady();
    manager.acquire(request(1));
    store.compact();
    unsteady.failLists = true;
    loop.runReady();
    unsteady.failLists = false;
    manager.acquire(request(2));
    loop.runReady();

    assertEquals(1, told.failures.size());
    assertEquals(1, told.snapshots.size());
    assertEquals(List.of(), told.events);
  }

  @Test
  void theSameSeedGivesTheSameSubnets() throws IOException {
    var again = managerOver(new InMemoryLeaseStore(loop));
    var other = StoreSubnetManager.builder(new InMemoryLeaseStore(loop))
        .random(new Random(8))
        .build();
    var first = new ArrayList<Subnets>();
    var second = new ArrayList<Subnets>();
    var third = new ArrayList<Subnets>();
    for (int n = 0; n < 5; n++) {
      first.add(manager.acquire(request(n)).lease().subnets());
      second.add(again.acquire(request(n)).lease().subnets());
      third.add(other.acquire(request(n)).lease().subnets());
    }

    assertEquals(first, second);
    assertNotEquals(first, third);
  }

  private List<Lease> leases() throws IOException {
    return store.list().entries().stream()
        .flatMap(entry -> Optional.ofNullable(LeaseRecord.of(entry).lease()).stream())
        .toList();
  }

  private StoreSubnetManager managerOver(LeaseStore over) {
    return StoreSubnetManager.builder(over).random(new Random(7)).executor(loop).build();
  }

  /** Returns records that nodes wrote under their ids. */
  private static List<LeaseRecord> records(List<Subnets> taken) {
    return taken.stream().map(subnets -> record(subnets.key(), "another")).toList();
  }

  private static LeaseRecord record(String key, @Nullable String holder) {
    return LeaseRecord.of(new LeaseStore.Entry(key, attributes(9).toJson(), holder, 1, 1, TTL));
  }

  private static LeaseRequest request(int node) {
    return request(node, null);
  }

  private static LeaseRequest request(int node, @Nullable Subnets previous) {
    return new LeaseRequest(CONFIG, "node-" + node, attributes(node), previous);
  }

  private static LeaseAttributes attributes(int node) {
    return LeaseAttributes.of(
        "vxlan", Map.of(IpFamily.V4, IpAddress.parse("198.51.100.0").plus(node)), Map.of());
  }

  private static final class Told implements SubnetManager.Watcher {
    final List<List<Lease>> snapshots = new ArrayList<>();
    final List<LeaseEvent> events = new ArrayList<>();
    final List<IOException> failures = new ArrayList<>();

    @Override
    public void onSnapshot(
        ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
      snapshots.add(leases);
    }

    @Override
    public void onEvents(ImmutableList<LeaseEvent> changes) {
      events.addAll(changes);
    }

    @Override
    public void onFailure(IOException cause) {
      failures.add(cause);
    }
  }

  /** A store whose answers get lost. */
  private static final class UnsteadyStore implements LeaseStore {
    private final LeaseStore steady;
    int failBeforeWriting;
    int failAfterWriting;
    int conflicts;
    boolean failLists;

    UnsteadyStore(LeaseStore steady) {
      this.steady = steady;
    }

    @Override
    public Snapshot list() throws IOException {
      if (failLists) {
        throw new IOException("no route to the store");
      }
      return steady.list();
    }

    @Override
    public Entry create(Subnets subnets, String value, String holder, @Nullable Duration timeToLive)
        throws IOException {
      before();
      return after(steady.create(subnets, value, holder, timeToLive));
    }

    @Override
    public Entry update(Entry expected, String value, String holder, @Nullable Duration timeToLive)
        throws IOException {
      before();
      return after(steady.update(expected, value, holder, timeToLive));
    }

    @Override
    public void delete(Entry expected) throws IOException {
      before();
      steady.delete(expected);
    }

    private void before() throws IOException {
      if (conflicts > 0) {
        conflicts--;
        throw new ConflictException("another was faster");
      }
      if (failBeforeWriting > 0) {
        failBeforeWriting--;
        throw new IOException("the question was lost");
      }
    }

    private Entry after(Entry written) throws IOException {
      if (failAfterWriting > 0) {
        failAfterWriting--;
        throw new IOException("the answer was lost");
      }
      return written;
    }

    @Override
    public Watch watch(long revision, Watcher watcher) throws IOException {
      return steady.watch(revision, watcher);
    }

    @Override
    public void close() throws IOException {
      steady.close();
    }
  }
}
