package io.jaconet.testkit;

import static io.jaconet.testkit.SampleLeases.assertDisjoint;
import static io.jaconet.testkit.SampleLeases.assertInRange;
import static io.jaconet.testkit.SampleLeases.attributes;
import static io.jaconet.testkit.SampleLeases.dualNetwork;
import static io.jaconet.testkit.SampleLeases.node;
import static io.jaconet.testkit.SampleLeases.prefix;
import static io.jaconet.testkit.SampleLeases.publicIp;
import static io.jaconet.testkit.SampleLeases.request;
import static io.jaconet.testkit.SampleLeases.v4Network;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What a {@link SubnetManager} must do besides if it chooses the subnets itself, and does so among records that others may write into the same
 * place. Implement it like the contract that it extends.
 */
@Timeout(120)
public interface SubnetChoiceContract extends SubnetManagerContract {

  @Test
  default void leasesEndUnlessTheyAreRenewed() throws IOException {
    try (var leases = newLeases();
        var manager = leases.newManager()) {
      var grant = manager.acquire(request(v4Network(), 1));

      assertNotNull(grant.timeToLive());
      assertNotNull(manager.renew(grant.lease(), attributes(1)).timeToLive());
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

  /** T04: what is no lease of this network, though it covers all of it, alone or with others, takes no subnet from anybody. */
  @Test
  default void recordsOfAnotherLengthKeepNobodyOut() throws IOException {
    var config = NetworkConfig.parse(
        "{\"Network\": \"10.5.0.0/24\", \"SubnetLen\": 26, \"SubnetMin\": \"10.5.0.64\", \"SubnetMax\": \"10.5.0.192\"}");
    for (var poison : List.of(
        List.of("10.5.0.0-24"), List.of("10.5.0.0-25", "10.5.0.128-25"), List.of("0.0.0.0-0"))) {
      try (var leases = newLeases();
          var manager = leases.newManager()) {
        for (var key : poison) {
          leases.write(key, attributes(200 + poison.indexOf(key)).toJson());
        }
        leases.write("10.5.0.128-26", attributes(100).toJson());

        var held = List.of(
            manager.acquire(request(config, 1)).lease().subnets().toString(),
            manager.acquire(request(config, 2)).lease().subnets().toString());
        assertEquals(Set.of("10.5.0.64/26", "10.5.0.192/26"), Set.copyOf(held));
        assertThrows(NoFreeSubnetException.class, () -> manager.acquire(request(config, 3)));
      }
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
}
