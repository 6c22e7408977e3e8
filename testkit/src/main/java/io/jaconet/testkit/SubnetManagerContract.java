package io.jaconet.testkit;

import static io.jaconet.testkit.SampleLeases.assertDisjoint;
import static io.jaconet.testkit.SampleLeases.assertInRange;
import static io.jaconet.testkit.SampleLeases.attributes;
import static io.jaconet.testkit.SampleLeases.dualNetwork;
import static io.jaconet.testkit.SampleLeases.node;
import static io.jaconet.testkit.SampleLeases.request;
import static io.jaconet.testkit.SampleLeases.v4Network;
import static io.jaconet.testkit.SampleLeases.v6Network;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.PublicIpInUseException;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.opentest4j.TestAbortedException;

/**
 * What every {@link SubnetManager} must do. Implement it in a test class of your own with a method that gives a place where leases are kept,
 * and JUnit runs all of it. A manager that chooses the subnets itself has to pass {@link SubnetChoiceContract}, which is more.
 */
@Timeout(120)
public interface SubnetManagerContract {

  /** Returns a new place without leases. The contract closes it. */
  SharedLeases newLeases() throws IOException;

  /** Where the hosts of one network keep their leases; the nodes of the contract are members of it. */
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
}
