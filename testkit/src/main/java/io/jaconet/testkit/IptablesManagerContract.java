package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.overlay.UnderlayGuard;
import io.jaconet.spi.IptablesManager;
import java.io.IOException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What every {@link IptablesManager} owes its network. Implement {@link #host} in a test class of your own, and the tests run. */
public interface IptablesManagerContract {

  /** Returns a host without any rule of the manager's, but with some of others. */
  Host host() throws Exception;

  /** A host with a packet filter. */
  interface Host extends AutoCloseable {

    /** Returns a manager that nobody has called yet; a second call, one as a process that starts later would have it. */
    IptablesManager manager();

    /** Returns everything in the packet filter, the rules of others included, as text that differs if anything differs. */
    String dump() throws Exception;

    /** Damages the manager's rules, as another program might. */
    void damage() throws Exception;

    @Override
    void close() throws IOException;
  }

  private static UnderlayGuard guard(String peer) {
    return new UnderlayGuard(
        ImmutableSet.of(8472),
        "eth0",
        ImmutableMap.of(IpFamily.V4, IpPrefix.parse("10.244.0.0/16")),
        ImmutableSet.of(IpAddress.parse(peer), IpAddress.parse("2001:db8::7")));
  }

  private static TrafficRules rules(String subnet) {
    return new TrafficRules(
        ImmutableMap.of(IpFamily.V4, IpPrefix.parse("10.244.0.0/16")),
        Subnets.of(IpPrefix.parse(subnet)),
        true,
        true,
        false);
  }

  @Test
  default void applyingAgainChangesNothing() throws Exception {
    try (Host host = host()) {
      var manager = host.manager();
      manager.apply(rules("10.244.1.0/24"));
      String once = host.dump();

      manager.apply(rules("10.244.1.0/24"));

      assertEquals(once, host.dump());
      manager.remove();
    }
  }

  @Test
  default void aRestartThatWantsOtherRulesLeavesNothingOfTheOldOnes() throws Exception {
    try (Host host = host()) {
      var fresh = host.manager();
      fresh.apply(rules("10.244.2.0/24"));
      String wanted = host.dump();
      fresh.remove();
      host.manager().apply(rules("10.244.1.0/24"));

      host.manager().apply(rules("10.244.2.0/24"));

      assertEquals(wanted, host.dump());
      host.manager().remove();
    }
  }

  @Test
  default void aCheckMendsDamageAndSaysWhatItWas() throws Exception {
    try (Host host = host()) {
      var manager = host.manager();
      manager.apply(rules("10.244.1.0/24"));
      String whole = host.dump();
      host.damage();
      assertNotEquals(whole, host.dump());

      ImmutableList<String> mended = manager.check();

      assertFalse(mended.isEmpty());
      assertEquals(whole, host.dump());
      assertEquals(ImmutableList.of(), manager.check());
      manager.remove();
    }
  }

  @Test
  default void removeLeavesTheHostAsItWas() throws Exception {
    try (Host host = host()) {
      String before = host.dump();
      var manager = host.manager();
      manager.apply(rules("10.244.1.0/24"));

      manager.remove();
      manager.remove();

      assertEquals(before, host.dump());
    }
  }

  @Test
  default void aCheckWithoutRulesIsAMistakeOfTheCaller() throws Exception {
    try (Host host = host()) {
      var manager = host.manager();
      assertThrows(IllegalStateException.class, manager::check);
      manager.apply(rules("10.244.1.0/24"));

      manager.remove();

      assertThrows(IllegalStateException.class, manager::check);
    }
  }

  @Test
  default void aWatchSaysThatACheckIsDueUntilItIsClosed() throws Exception {
    try (Host host = host()) {
      var manager = host.manager();
      manager.apply(rules("10.244.1.0/24"));
      var due = new Semaphore(0);

      var watch = manager.watch(due::release);
      host.damage();
      assertTrue(due.tryAcquire(30, TimeUnit.SECONDS));
      assertFalse(manager.check().isEmpty());
      watch.close();
      due.drainPermits();
      host.damage();

      assertFalse(due.tryAcquire(100, TimeUnit.MILLISECONDS));
      manager.remove();
    }
  }

  @Test
  default void theGuardChangesAloneAndGoesWithTheRest() throws Exception {
    try (Host host = host()) {
      String before = host.dump();
      var manager = host.manager();
      manager.apply(rules("10.244.1.0/24"));
      String unguarded = host.dump();

      manager.guard(guard("192.0.2.7"));
      manager.guard(guard("192.0.2.8"));
      manager.guard(null);
      String again = host.dump();
      manager.guard(guard("192.0.2.7"));
      var afterARestart = host.manager();
      afterARestart.apply(rules("10.244.1.0/24"));
      afterARestart.guard(guard("192.0.2.7"));
      assertEquals(ImmutableList.of(), afterARestart.check());
      afterARestart.remove();

      assertEquals(unguarded, again);
      assertEquals(before, host.dump());
    }
  }

  @Test
  default void theStatusCountsRulesAndRepairs() throws Exception {
    try (Host host = host()) {
      var manager = host.manager();
      manager.apply(rules("10.244.1.0/24"));
      host.damage();
      manager.check();
      var mended = manager.status();
      manager.check();

      var status = manager.status();

      assertFalse(status.driver().isEmpty() || status.reason().isEmpty(), status.toString());
      assertTrue(status.wanted() > 0, status.toString());
      assertTrue(mended.repairs() > 0, mended.toString());
      assertEquals(status.wanted(), status.present());
      manager.remove();
    }
  }
}
