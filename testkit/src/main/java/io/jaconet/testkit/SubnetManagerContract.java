package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.PublicIpInUseException;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.opentest4j.TestAbortedException;

/**
 * What every {@link SubnetManager} must do. Implement it in a test class of your own with a method that gives a place where leases are kept,
 * and JUnit runs all of it.
 */
@Timeout(120)
public interface SubnetManagerContract {

  /** Returns a new place without leases. The contract closes it. */
  SharedLeases newLeases() throws IOException;

  /** Where the hosts of one network keep their leases. */
  interface SharedLeases extends AutoCloseable {

    /** Returns the manager of one more host. The contract closes it. */
    SubnetManager newManager() throws IOException;

    /** Writes any record, as a program does that knows none of the rules. Tests of it are aborted where there are no records. */
    default void write(String key, String value) throws IOException {
      throw new TestAbortedException("these leases are not kept in records that others can write");
    }

    /** Removes a record, whoever holds it. */
    default void remove(String key) throws IOException {
      throw new TestAbortedException("these leases are not kept in records that others can remove");
    }

    @Override
    void close() throws IOException;
  }

  @Test
  default void givesASubnetOfTheNetworkInEachEnabledFamily() throws IOException {
    for (var config : List.of(v4Network(), v6Network(), dualNetwork())) {
      try (var leases = newLeases();
          var manager = leases.newManager()) {
        var grant = manager.acquire(request(config, 1));
        var lease = grant.lease();

        for (var family : IpFamily.values()) {
          var prefix = lease.subnets().prefix(family);
          assertEquals(config.families().contains(family), prefix.isPresent(), lease::toString);
          prefix.ifPresent(subnet -> assertInRange(config, subnet));
        }
        assertEquals(node(1), lease.holder());
        assertEquals(attributes(1), lease.attributes());
        assertNotNull(grant.timeToLive());
      }
    }
  }

  /** Scenario T31: a node keeps its subnet over restarts and changes of its address. */
  @Test
  default void givesANodeTheSameLeaseAgainWhateverItPublishes() throws IOException {
    try (var leases = newLeases();
        var before = leases.newManager();
        var after = leases.newManager()) {
      var first = before.acquire(request(dualNetwork(), 1)).lease();
      var second = after
          .acquire(new LeaseRequest(dualNetwork(), node(1), attributes(99), null))
          .lease();

      assertEquals(first.subnets(), second.subnets());
      assertEquals(first.created(), second.created());
      assertTrue(first.revision() < second.revision(), first + " < " + second);
      assertEquals(attributes(99), second.attributes());
    }
  }

  /** Failure F6: the loser of a race tries again. */
  @Test
  default void givesFiftyNodesThatStartTogetherFiftySubnets() throws Exception {
    try (var leases = newLeases()) {
      var held = Concurrently.run(
          50, n -> acquireAlone(leases, request(dualNetwork(), n)).subnets());

      assertDisjoint(held);
    }
  }

  @Test
  default void givesEverySubnetOnceAndThenSaysThatThereIsNone() throws Exception {
    var config = NetworkConfig.parse("{\"Network\": \"10.5.0.0/24\", \"SubnetLen\": 26}");
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var held = new ArrayList<Lease>();
      for (int n = 0; n < 3; n++) {
        held.add(manager.acquire(request(config, n)).lease());
      }
      assertDisjoint(held.stream().map(Lease::subnets).toList());
      for (int n = 3; capacityLeft(manager, config, n, held); n++) {
        assertTrue(n < 5, held::toString);
      }

      assertThrows(NoFreeSubnetException.class, () -> manager.acquire(request(config, 100)));
      manager.release(held.get(1));
      assertEquals(
          held.get(1).subnets(), manager.acquire(request(config, 100)).lease().subnets());
    }
  }

  @Test
  default void givesThePreviousSubnetIfItIsFree() throws IOException {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var wanted = Subnets.of(IpPrefix.parse("10.5.77.0/24"));

      assertEquals(
          wanted, manager.acquire(request(v4Network(), 1, wanted)).lease().subnets());
      assertNotEquals(
          wanted, manager.acquire(request(v4Network(), 2, wanted)).lease().subnets());
    }
  }

  @Test
  default void givesAnotherSubnetThanThePreviousIfThatDoesNotFit() throws IOException {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var unfit = List.of(
          "10.6.77.0/24", "10.5.77.0/25", "10.5.76.0/23", "fd00:5:0:77::/64", "10.5.0.0/16");
      for (int n = 0; n < unfit.size(); n++) {
        var previous = Subnets.of(IpPrefix.parse(unfit.get(n)));
        var lease = manager.acquire(request(v4Network(), n, previous)).lease();

        assertNotEquals(previous, lease.subnets());
        assertInRange(v4Network(), lease.subnets().prefix(IpFamily.V4).orElseThrow());
      }
    }
  }

  @Test
  default void replacesALeaseThatTheConfigurationNoLongerAllows() throws Exception {
    var moved = NetworkConfig.parse("{\"Network\": \"10.6.0.0/16\"}");
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var old = manager.acquire(request(v4Network(), 1)).lease();
      var current = manager.acquire(request(moved, 1)).lease();

      assertInRange(moved, current.subnets().prefix(IpFamily.V4).orElseThrow());
      assertThrows(LeaseLostException.class, () -> manager.renew(old, attributes(1)));
      var log = new LeaseWatchLog();
      manager.watch(log);
      log.untilSnapshot();
      assertEquals(List.of(current), List.copyOf(log.leases().values()));
    }
  }

  /** Scenario T13: two hosts behind one address, or with the same wrong one. */
  @Test
  default void refusesANodeWhosePublicIpAnotherHas() throws IOException {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var first = manager.acquire(request(v4Network(), 1)).lease();
      var second = new LeaseRequest(v4Network(), node(2), attributes(1), null);

      var refusal = assertThrows(PublicIpInUseException.class, () -> manager.acquire(second));
      var message = String.valueOf(refusal.getMessage());
      assertTrue(
          message.contains(node(1)) && message.contains(first.subnets().toString()), message);
      manager.release(first);
      manager.acquire(second);
    }
  }

  @Test
  default void renewsALeaseAndPublishesWithIt() throws IOException {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var lease = manager.acquire(request(dualNetwork(), 1)).lease();
      var renewed = manager.renew(lease, attributes(2));

      assertEquals(lease.subnets(), renewed.lease().subnets());
      assertEquals(attributes(2), renewed.lease().attributes());
      assertEquals(lease.created(), renewed.lease().created());
      assertTrue(lease.revision() < renewed.lease().revision(), lease + " < " + renewed);
      assertNotNull(renewed.timeToLive());
    }
  }

  @Test
  default void renewsALeaseAgainWhenTheAnswerWasLost() throws IOException {
    try (var leases = newLeases();
        var manager = leases.newManager();
        var other = leases.newManager()) {
      var lease = manager.acquire(request(v4Network(), 1)).lease();
      manager.renew(lease, attributes(1));
      var again = manager.renew(lease, attributes(1));

      assertEquals(lease.subnets(), other.renew(lease, attributes(1)).lease().subnets());
      assertEquals(lease.created(), again.lease().created());
    }
  }

  /** Failure F5: whoever slept past the end of the lease must not take it back. */
  @Test
  default void neverRenewsWhatAnotherHolds() throws Exception {
    try (var leases = newLeases();
        var sleeper = leases.newManager();
        var other = leases.newManager()) {
      var lost = sleeper.acquire(request(dualNetwork(), 1)).lease();
      other.release(lost);
      var held = other.acquire(request(dualNetwork(), 2, lost.subnets())).lease();
      assertEquals(lost.subnets(), held.subnets());

      var refusal =
          assertThrows(LeaseLostException.class, () -> sleeper.renew(lost, attributes(1)));
      assertTrue(String.valueOf(refusal.getMessage()).contains(node(2)), refusal::toString);
      sleeper.release(lost);
      assertEquals(held.subnets(), other.renew(held, attributes(2)).lease().subnets());
    }
  }

  @Test
  default void refusesToRenewWhatIsGone() throws IOException {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var lease = manager.acquire(request(v4Network(), 1)).lease();
      manager.release(lease);
      manager.release(lease);

      assertThrows(LeaseLostException.class, () -> manager.renew(lease, attributes(1)));
    }
  }

  @Test
  default void releasesTheLeaseAsTheLastRenewalLeftIt() throws Exception {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var lease = manager.acquire(request(v4Network(), 1)).lease();
      manager.renew(lease, attributes(1));
      manager.release(lease);

      var log = new LeaseWatchLog();
      manager.watch(log);
      log.untilSnapshot();
      assertEquals(Map.of(), log.leases());
    }
  }

  @Test
  default void watchesFirstWhatIsAndThenWhatChanges() throws Exception {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var own = manager.acquire(request(v4Network(), 1)).lease();
      var log = new LeaseWatchLog();
      manager.watch(log);
      log.untilSnapshot();
      assertEquals(Map.of(own.subnets().key(), own), log.leases());

      var peer = manager.acquire(request(v4Network(), 2)).lease();
      log.untilKnown(peer);
      log.untilKnown(manager.renew(peer, attributes(3)).lease());
      manager.release(own);
      log.until(() -> log.leases().size() == 1);
      assertEquals(1, log.removals());
    }
  }

  /** Invariant I14: snapshot and events, in whatever order things happen, end where a later snapshot does. */
  @Test
  default void snapshotAndEventsGiveTheLaterSnapshot() throws Exception {
    long seed = new Random().nextLong();
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var early = new LeaseWatchLog();
      manager.watch(early);
      early.untilSnapshot();
      var late = new ArrayList<LeaseWatchLog>();
      Concurrently.run(4, n -> {
        scribble(leases, new Random(seed + n), n * 100);
        var log = new LeaseWatchLog();
        manager.watch(log);
        synchronized (late) {
          late.add(log);
        }
        scribble(leases, new Random(seed - n), n * 100);
        return n;
      });
      var last = manager.acquire(request(v4Network(), 999)).lease();
      var fresh = new LeaseWatchLog();
      manager.watch(fresh);
      fresh.untilSnapshot();

      late.add(early);
      for (var log : late) {
        log.untilKnown(last);
        assertEquals(fresh.leases(), log.leases(), () -> "seed " + seed);
      }
    }
  }

  /** Scenario T04: what cannot be read is reported with its key and takes nothing else with it. */
  @Test
  default void unreadableRecordsTouchNoOther() throws Exception {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var good = new HashSet<String>();
      for (int n = 0; n < 1000; n++) {
        var key = Subnets.of(prefix("10.100.0.0/24", n)).key();
        leases.write(key, attributes(n).toJson());
        good.add(key);
      }
      var poison = PoisonRecords.all();
      int half = poison.size() / 2;
      for (var record : poison.subList(0, half)) {
        leases.write(record.key(), record.value());
      }
      var log = new LeaseWatchLog();
      manager.watch(log);
      log.untilSnapshot();
      assertEquals(good, log.leases().keySet());
      assertEquals(half, log.unreadable().size(), () -> "" + log.unreadable().keySet());

      for (var record : poison.subList(half, poison.size())) {
        leases.write(record.key(), record.value());
      }
      var fresh = manager.acquire(request(v4Network(), 2000)).lease();
      log.untilKnown(fresh);
      good.add(fresh.subnets().key());
      assertEquals(good, log.leases().keySet());
      for (var record : poison) {
        assertTrue(log.unreadable().containsKey(record.key()), record::toString);
      }
      assertEquals(poison.size() - half, log.unreadableEvents());
      assertEquals(0, log.removals());

      for (var record : poison) {
        leases.remove(record.key());
      }
      log.until(() -> log.unreadable().isEmpty());
      assertEquals(good, log.leases().keySet());
    }
  }

  @Test
  default void aLeaseThatTurnsUnreadableIsOneNoMoreAndComesBackWhenMended() throws Exception {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var lease = manager.acquire(request(v4Network(), 1)).lease();
      var peer = manager.acquire(request(v4Network(), 2)).lease();
      var log = new LeaseWatchLog();
      manager.watch(log);
      log.untilSnapshot();
      var key = peer.subnets().key();

      leases.write(key, "{not json");
      log.until(() -> log.unreadable().containsKey(key));
      assertEquals(peer.subnets(), log.unreadable().values().iterator().next().subnets());
      assertEquals(Map.of(lease.subnets().key(), lease), log.leases());

      leases.write(key, attributes(3).toJson());
      log.until(() -> log.leases().containsKey(key));
      assertEquals(Map.of(), log.unreadable());
    }
  }

  @Test
  default void aRecordThatCannotBeReadStillClaimsItsSubnet() throws IOException {
    var config = NetworkConfig.parse(
        "{\"Network\": \"10.5.0.0/24\", \"SubnetLen\": 26, \"SubnetMin\": \"10.5.0.0\", \"SubnetMax\": \"10.5.0.64\"}");
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      leases.write("10.5.0.0-26", "{not json");

      assertEquals(
          "10.5.0.64/26", manager.acquire(request(config, 1)).lease().subnets().toString());
      assertThrows(NoFreeSubnetException.class, () -> manager.acquire(request(config, 2)));
    }
  }

  @Test
  default void saysWhoTookALeaseByAnUnconditionalWrite() throws IOException {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var lease = manager.acquire(request(v4Network(), 1)).lease();
      leases.write(lease.subnets().key(), attributes(8).toJson());

      var refusal =
          assertThrows(LeaseLostException.class, () -> manager.renew(lease, attributes(1)));
      assertTrue(
          String.valueOf(refusal.getMessage()).contains(publicIp(8, IpFamily.V4).toString()),
          refusal::toString);
    }
  }

  @Test
  default void aClosedWatchIsSilent() throws Exception {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var closed = new LeaseWatchLog();
      var running = new LeaseWatchLog();
      var watch = manager.watch(closed);
      closed.untilSnapshot();
      manager.watch(running);
      watch.close();
      watch.close();
      running.untilKnown(manager.acquire(request(v4Network(), 1)).lease());

      assertEquals(0, closed.pending());
    }
  }

  @Test
  default void closeLeavesTheLeases() throws Exception {
    try (var leases = newLeases();
        var other = leases.newManager()) {
      var manager = leases.newManager();
      var lease = manager.acquire(request(v4Network(), 1)).lease();
      manager.close();
      manager.close();

      assertThrows(IOException.class, () -> manager.renew(lease, attributes(1)));
      assertEquals(
          lease.subnets(), other.acquire(request(v4Network(), 1)).lease().subnets());
    }
  }

  private static void scribble(SharedLeases leases, Random random, int firstNode)
      throws IOException {
    var held = new ArrayList<Lease>();
    try (var manager = leases.newManager()) {
      for (int i = 0; i < 40; i++) {
        int number = firstNode + random.nextInt(20);
        int step = random.nextInt(4);
        if (held.isEmpty() || step == 0) {
          held.add(manager.acquire(request(v4Network(), number)).lease());
        } else {
          var lease = held.remove(random.nextInt(held.size()));
          if (step == 1) {
            manager.release(lease);
          } else {
            held.addAll(renewed(manager, lease, attributes(10_000 + firstNode + i)));
          }
        }
      }
    }
  }

  private static List<Lease> renewed(SubnetManager manager, Lease lease, LeaseAttributes attributes)
      throws IOException {
    try {
      return List.of(manager.renew(lease, attributes).lease());
    } catch (LeaseLostException released) {
      return List.of();
    }
  }

  private static Lease acquireAlone(SharedLeases leases, LeaseRequest request) throws IOException {
    try (var manager = leases.newManager()) {
      return manager.acquire(request).lease();
    }
  }

  /** Acquires one more lease into {@code held}, or returns false if there is none. Four subnets of which flannel leaves out the first. */
  private static boolean capacityLeft(
      SubnetManager manager, NetworkConfig config, int n, List<Lease> held) throws IOException {
    try {
      LeaseGrant grant = manager.acquire(request(config, n));
      held.add(grant.lease());
      return true;
    } catch (NoFreeSubnetException full) {
      return false;
    }
  }

  private static void assertInRange(NetworkConfig config, IpPrefix subnet) {
    var family = subnet.family();
    var min = config.subnetMin().get(family);
    var max = config.subnetMax().get(family);
    assertEquals(config.subnetLengths().get(family), subnet.length());
    assertTrue(min != null && min.compareTo(subnet.base()) <= 0, () -> subnet + " is below " + min);
    assertTrue(max != null && max.compareTo(subnet.base()) >= 0, () -> subnet + " is above " + max);
  }

  private static void assertDisjoint(List<Subnets> held) {
    for (int i = 0; i < held.size(); i++) {
      for (int j = i + 1; j < held.size(); j++) {
        var a = held.get(i);
        var b = held.get(j);
        assertFalse(a.overlaps(b), () -> a + " and " + b);
      }
    }
  }

  private static NetworkConfig v4Network() {
    return NetworkConfig.parse("{\"Network\": \"10.5.0.0/16\"}");
  }

  private static NetworkConfig v6Network() {
    return NetworkConfig.parse(
        "{\"EnableIPv4\": false, \"EnableIPv6\": true, \"IPv6Network\": \"fd00:5::/48\"}");
  }

  private static NetworkConfig dualNetwork() {
    return NetworkConfig.parse(
        "{\"Network\": \"10.5.0.0/16\", \"EnableIPv6\": true, \"IPv6Network\": \"fd00:5::/48\"}");
  }

  private static LeaseRequest request(NetworkConfig config, int node) {
    return request(config, node, null);
  }

  private static LeaseRequest request(NetworkConfig config, int node, @Nullable Subnets previous) {
    return new LeaseRequest(config, node(node), attributes(node), previous);
  }

  private static String node(int number) {
    return "node-" + number;
  }

  private static LeaseAttributes attributes(int node) {
    var publicIps = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    var data = new EnumMap<IpFamily, String>(IpFamily.class);
    for (var family : IpFamily.values()) {
      publicIps.put(family, publicIp(node, family));
      data.put(
          family,
          "{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:%02x:%02x\"}".formatted(node >> 8, node & 0xff));
    }
    return LeaseAttributes.of("vxlan", publicIps, data);
  }

  /** Returns an address of the ranges for benchmarks and documentation (RFC 2544, RFC 3849). */
  private static IpAddress publicIp(int node, IpFamily family) {
    return IpAddress.parse(family == IpFamily.V4 ? "198.18.0.1" : "2001:db8::1").plus(node);
  }

  private static IpPrefix prefix(String first, int number) {
    var prefix = IpPrefix.parse(first);
    for (int i = 0; i < number; i++) {
      prefix = prefix.next();
    }
    return prefix;
  }
}
