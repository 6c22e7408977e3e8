package io.jaconet.subnet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.NetworkState.Phase;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clusters of the real engine, manager and store, on fake kernels, networks and clocks. */
class SimulationTest {
  static {
    // Before the engine's loggers are made: thousands of hosts have much to say.
    System.setProperty("org.slf4j.simpleLogger.log.io.jaconet", "off");
  }

  /** What flanneld would write on a host that has the address. */
  private static final String STRANGER = "{\"PublicIP\":\"203.0.113.9\",\"BackendType\":\"vxlan\","
      + "\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"02:ee:00:00:00:09\"}}";

  private static void run(long seed, int episodes) {
    long start = System.nanoTime();
    var tally = Shared.campaign().run(seed, episodes);
    System.out.println(
        "from seed " + seed + " in " + Duration.ofNanos(System.nanoTime() - start) + ": " + tally);
    assertTrue(tally.fencings() > episodes / 10, "hardly a lease was in danger: " + tally);
  }

  @Test
  void keepsEveryPromiseInHundredsOfEpisodes() {
    run(Long.getLong("jaconet.seed", 1), Integer.getInteger("jaconet.episodes", 600));
  }

  @Test
  @Tag("nightly")
  void keepsEveryPromiseInTenThousandEpisodes() {
    run(new Random().nextInt(1_000_000_000), 10_000);
  }

  /** Runs one episode again, and only some of its steps. */
  @Test
  void repeats() {
    Long seed = Long.getLong("jaconet.seed");
    if (seed != null) {
      System.out.println(Shared.campaign()
          .repeat(
              seed,
              Arrays.stream(System.getProperty("jaconet.steps", "").split(","))
                  .filter(number -> !number.isEmpty())
                  .map(Integer::valueOf)
                  .collect(Collectors.toSet())));
    }
  }

  /** A host that moves from subnet to subnet, while the store creates once more, up to two minutes later, what it was told to create. */
  @Test
  void aCreationThatArrivesLateLeavesNoSecondRecord() {
    try (var cluster = Shared.cluster().hosts(2).build(1)) {
      cluster.hosts().forEach(host -> host.start());
      cluster.settle(Duration.ofSeconds(10));
      var host = cluster.host(1);

      host.repeatMessages(true);
      for (int round = 0; round < 20; round++) {
        var key = host.network().orElseThrow().lease().subnets().key();
        cluster.overwriteRecord(key, STRANGER, Duration.ofSeconds(5));
        cluster.advance(Duration.ofSeconds(20));
      }
      host.repeatMessages(false);
      cluster.advance(Duration.ofMinutes(2));

      assertEquals(2, cluster.held().size());
    }
  }

  /** T38. */
  @ParameterizedTest
  @ValueSource(longs = {0, -1, -24})
  void aSuspendedMachineStopsItsTrafficWithinASecondWhateverTheWallClockDid(long hours) {
    try (var cluster = Shared.cluster().hosts(2).build(1)) {
      cluster.hosts().forEach(host -> host.start());
      cluster.settle(Duration.ofSeconds(10));
      var host = cluster.host(1);

      host.stepWallClock(Duration.ofHours(hours));
      cluster.advance(Duration.ofSeconds(2));
      host.suspend();
      host.refuseStore();
      cluster.advance(cluster.leaseTtl().multipliedBy(2));
      host.resume();
      cluster.advance(Duration.ofSeconds(1));

      assertEquals(Phase.FENCED, host.network().orElseThrow().state().phase());
    }
  }

  /** I19: the route was refused, and what is told of the peer afterwards has the same route. */
  @Test
  void aPendingPeerThatChangesStaysPendingUntilItStands() {
    try (var cluster = Shared.cluster().hosts(2).build(1)) {
      var host = cluster.host(1);
      cluster.hosts().forEach(each -> each.start());
      cluster.settle(Duration.ofSeconds(10));
      host.kernel().refuse(call -> call.endsWith(" Route") ? 1 : 0);
      host.kernel().removeEntries(entry -> true);
      cluster.advance(Duration.ofSeconds(12));
      var peer = cluster.host(2).network().orElseThrow().lease().subnets();

      cluster.overwriteRecord(peer.key(), STRANGER, cluster.leaseTtl());
      cluster.advance(Duration.ofMillis(50));

      assertEquals(Phase.DEGRADED, host.network().orElseThrow().state().phase());
    }
  }

  @Test
  void hostsThatStartAtOneMomentShareNoSubnet() {
    try (var cluster = Shared.cluster().hosts(50).build(1)) {
      cluster.hosts().forEach(host -> host.start());
      cluster.settle(Duration.ofSeconds(30));
      assertTrue(cluster.held().size() == 50, () -> "leases: " + cluster.held());
    }
  }
}
