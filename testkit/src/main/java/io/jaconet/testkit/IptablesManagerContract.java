package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.spi.IptablesManager;
import java.io.IOException;
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
}
