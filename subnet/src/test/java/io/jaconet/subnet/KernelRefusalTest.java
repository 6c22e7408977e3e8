package io.jaconet.subnet;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.CloseMode;
import io.jaconet.testkit.simulation.SimulatedCluster;
import io.jaconet.testkit.simulation.SimulatedHost;
import io.jaconet.testkit.simulation.SimulatedKernel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Every call of the kernel fails once with every error, whatever is going on: the next pass makes it good. */
class KernelRefusalTest {
  static {
    System.setProperty("org.slf4j.simpleLogger.log.io.jaconet", "off");
  }

  private static final ImmutableList<Integer> ERRORS =
      ImmutableList.of(1, 2, 3, 4, 5, 11, 12, 13, 16, 17, 19, 22, 95, 99, 100, 105);

  /** An audit comes every ten seconds; what failed is tried again sooner. */
  private static final Duration ONE_PASS = Duration.ofSeconds(12);

  /** What host 1 is busy with when a call fails. */
  private static final ImmutableMap<String, Consumer<SimulatedCluster>> SITUATIONS =
      ImmutableMap.<String, Consumer<SimulatedCluster>>builder()
          .put("joins", cluster -> cluster.host(1).start())
          .put("learns of a peer", cluster -> cluster.host(4).start())
          .put("loses a peer", cluster -> cluster.host(3).close(CloseMode.PURGE))
          .put("lost its entries", cluster -> kernel(cluster).removeEntries(entry -> true))
          .put("lost its device", cluster -> kernel(cluster).removeDevice(IpFamily.V4))
          .put("has its device down", cluster -> kernel(cluster).damageByTakingDown(IpFamily.V4))
          .put("lost its address", cluster -> kernel(cluster).removeAddress(IpFamily.V4))
          .put("lost its lease", cluster -> cluster.deleteRecord(key(cluster.host(1))))
          .put("starts again", cluster -> {
            cluster.host(1).kill();
            cluster.host(1).start();
          })
          .buildOrThrow();

  private static SimulatedKernel kernel(SimulatedCluster cluster) {
    return cluster.host(1).kernel();
  }

  private static String key(SimulatedHost host) {
    return host.network().orElseThrow().lease().subnets().key();
  }

  private static SimulatedCluster prepared(String situation) {
    var cluster = Shared.cluster().hosts(4).build(7);
    for (int n = situation.equals("joins") ? 2 : 1; n <= 3; n++) {
      cluster.host(n).start();
    }
    cluster.settle(Duration.ofSeconds(10));
    return cluster;
  }

  private static void begin(String situation, SimulatedCluster cluster) {
    requireNonNull(SITUATIONS.get(situation)).accept(cluster);
  }

  private static Set<String> callsOf(String situation) {
    var calls = new LinkedHashSet<String>();
    try (var cluster = prepared(situation)) {
      cluster.host(1).kernel().refuse(call -> {
        calls.add(call);
        return 0;
      });
      begin(situation, cluster);
      cluster.advance(ONE_PASS);
    }
    return calls;
  }

  @Test
  void oneFailureOfAnyCallIsMadeGoodByTheNextPass() {
    List<String> failed = new ArrayList<>();
    int tried = 0;
    for (String situation : SITUATIONS.keySet()) {
      for (String call : callsOf(situation)) {
        for (int errno : ERRORS) {
          tried++;
          try {
            failOnce(situation, call, errno);
          } catch (AssertionError e) {
            failed.add(situation + ", " + call + ", errno " + errno + ": " + e.getMessage());
          }
        }
      }
    }

    System.out.println(tried + " combinations of situation, call and error");
    assertEquals(List.of(), failed);
    assertTrue(tried > 1000, "only " + tried);
  }

  private static void failOnce(String situation, String refused, int errno) {
    try (var cluster = prepared(situation)) {
      var failures = new AtomicInteger();
      cluster
          .host(1)
          .kernel()
          .refuse(call -> call.equals(refused) && failures.getAndIncrement() == 0 ? errno : 0);
      begin(situation, cluster);
      cluster.advance(Duration.ofSeconds(1));
      // A join that the kernel refuses fails; whoever joins tries again.
      cluster.host(1).start();
      cluster.settle(ONE_PASS);
    }
  }
}
