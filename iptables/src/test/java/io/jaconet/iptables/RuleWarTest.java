package io.jaconet.iptables;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.FakeBackend;
import io.jaconet.testkit.RuleWar;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** T05: others fight over the rules, and lose; theirs stay as they are. */
class RuleWarTest {
  private static final Duration LIMIT = Duration.ofSeconds(2);

  @ParameterizedTest
  @EnumSource
  void rulesAreWholeAgainTwoSecondsAfterEachAct(Driver driver) throws Exception {
    fight(driver, Duration.ofSeconds(12).dividedBy(Driver.values().length));
  }

  @Tag("nightly")
  @ParameterizedTest
  @EnumSource
  void rulesAreWholeAgainTwoSecondsAfterEachActOfTenMinutes(Driver driver) throws Exception {
    fight(driver, Duration.ofMinutes(10));
  }

  private static void fight(Driver driver, Duration duration) throws Exception {
    long seed = new Random().nextLong();
    var leases = StoreSubnetManager.over(new InMemoryLeaseStore());
    try (var host = FilterHost.shared(driver);
        leases) {
      var up = new CompletableFuture<Boolean>();
      var network = Jaconet.builder()
          .nodeId("node")
          .config(NetworkConfig.parse(
              "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\",\"IPv6Network\":\"fd00:244::/48\",\"IPv6SubnetLen\":64,"
                  + "\"Backend\":{\"Type\":\"fake\"}}"))
          .backendProvider(new FakeBackend(IpAddress.parse("192.0.2.1")).provider())
          .subnetManager(leases)
          .previousSubnets(
              Subnets.of(IpPrefix.parse("10.244.1.0/24"), IpPrefix.parse("fd00:244:0:1::/64")))
          .iptablesManager(host.manager())
          .masquerade(true)
          .listener(new NetworkListener() {
            @Override
            public void onState(NetworkState state) {
              if (state.phase() == NetworkState.Phase.UP) {
                up.complete(true);
              }
            }
          })
          .join()
          .get(30, TimeUnit.SECONDS);
      try {
        up.get(30, TimeUnit.SECONDS);
        var war =
            new RuleWar(host.namespace(), RuleWar.Arms.valueOf(driver.name()), new Random(seed));
        int acts = fight(war, duration, "seed " + seed);
        assertTrue(acts > 2, "acts: " + acts);
      } finally {
        network.close(CloseMode.WITHDRAW);
      }
    }
  }

  private static int fight(RuleWar war, Duration duration, String seed) throws Exception {
    var whole = war.ours();
    int acts = 0;
    for (long end = System.nanoTime() + duration.toNanos(); System.nanoTime() < end; acts++) {
      var act = war.act();
      var foreign = war.foreign();

      var mended = awaitWhole(war, whole, LIMIT);

      assertEquals(whole, mended, act + ", " + seed);
      assertEquals(foreign, war.foreign(), act + ", " + seed);
    }
    return acts;
  }

  /** Looks again and again until the rules are {@code whole}, and returns what they are then, or at the end of {@code limit}. */
  private static String awaitWhole(RuleWar war, String whole, Duration limit) throws Exception {
    long end = System.nanoTime() + limit.toNanos();
    var ours = war.ours();
    while (!ours.equals(whole) && System.nanoTime() < end) {
      ours = war.ours();
    }
    return ours;
  }
}
