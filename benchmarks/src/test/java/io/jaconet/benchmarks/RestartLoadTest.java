package io.jaconet.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.iptables.Driver;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.InNetworkNamespace;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** T06 in short: restarts and kills under load. The namespace only serves to skip them where none can be made. */
@InNetworkNamespace
class RestartLoadTest {
  @TempDir
  private Path leases;

  @ParameterizedTest
  @EnumSource
  void restartsAndKillsLoseNothingAndLetNothingOutUnmasqueraded(Driver driver) throws Exception {
    long seed = new Random().nextLong();
    try (var load = new RestartLoad(Fabric.builder().create(), driver, leases)) {
      var restarts = load.during(() -> load.restart(10));
      var kills = load.during(() -> load.kill(3, new Random(seed)));

      assertTrue(kills.pings() > 100 && kills.flows() > 100, kills.toString());
      assertEquals(0, restarts.lostPings() + restarts.unmasqueraded(), restarts.toString());
      assertEquals(0, kills.lostPings() + kills.unmasqueraded(), kills + ", seed " + seed);
    }
  }

  @Test
  void theLoadNoticesAChainThatIsFlushedAndFilled() throws Exception {
    try (var load = new RestartLoad(Fabric.builder().create(), Driver.IPTABLES_NFT, leases)) {
      var flushed = load.during(() -> load.flushAndFill(10));

      assertTrue(flushed.unmasqueraded() > 0, flushed.toString());
    }
  }
}
