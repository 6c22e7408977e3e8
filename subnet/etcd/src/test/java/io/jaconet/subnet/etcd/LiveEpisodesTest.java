package io.jaconet.subnet.etcd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ConcurrentHashMultiset;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Multiset;
import io.jaconet.subnet.etcd.LiveCluster.Fault;
import io.jaconet.testkit.InNetworkNamespace;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * I1, I2, I4 and I19 in real time: hosts that are processes of their own, with real kernels and a real etcd. Whatever befalls one of them, no
 * two kernels use one subnet, no revision of etcd is of somebody who did not hold what it wrote, what is wrong is said, and in the
 * end every kernel is what etcd says.
 */
@InNetworkNamespace
class LiveEpisodesTest {
  private static final ImmutableList<Fault> FAULTS = ImmutableList.copyOf(Fault.values());

  private final AtomicInteger next = new AtomicInteger();
  private final Multiset<Fault> met = ConcurrentHashMultiset.create();
  private final AtomicInteger fencings = new AtomicInteger();
  private final AtomicLong samples = new AtomicLong();
  private final AtomicLong longestRecoveryMillis = new AtomicLong();

  @BeforeEach
  void setLoopbackUp() throws IOException {
    var process =
        new ProcessBuilder("ip", "link", "set", "lo", "up").inheritIO().start();
    assertEquals(0, process.onExit().join().exitValue());
  }

  @Test
  @Timeout(180)
  void inEightEpisodesNoSubnetHasTwoUsers() throws Exception {
    campaign(8, 4, 2);
  }

  @Test
  @Tag("nightly")
  @Timeout(7200)
  void inAThousandEpisodesNoSubnetHasTwoUsers() throws Exception {
    campaign(1_000, 6, 2);
  }

  private void campaign(int episodes, int clusters, int hosts) throws Exception {
    long seed = new Random().nextLong();
    long start = System.nanoTime();
    var threads = Executors.newCachedThreadPool();
    try {
      List<Future<List<String>>> running = new ArrayList<>();
      for (int n = 0; n < clusters; n++) {
        int number = n;
        running.add(threads.submit(() -> work(number, hosts, episodes, seed + number, threads)));
      }
      List<String> violations = new ArrayList<>();
      for (var cluster : running) {
        violations.addAll(outcome(cluster));
      }
      assertEquals(List.of(), violations, "seed " + seed);
    } finally {
      threads.shutdownNow();
    }
    System.out.println("seed " + seed + ": " + met.size() + " episodes in "
        + Duration.ofNanos(System.nanoTime() - start).toSeconds() + " s: " + met + "; "
        + fencings + " stops of traffic, " + samples
        + " looks at the kernels of a cluster; all was well again after " + longestRecoveryMillis
        + " ms at most");
  }

  /** Waits for a cluster, also after another has failed: each removes what it has made. */
  private List<String> outcome(Future<List<String>> cluster) throws InterruptedException {
    try {
      return cluster.get();
    } catch (ExecutionException e) {
      next.set(Integer.MAX_VALUE / 2);
      return List.of(String.valueOf(e.getCause()));
    }
  }

  private List<String> work(int number, int hosts, int episodes, long seed, ExecutorService threads)
      throws Exception {
    try (var cluster = LiveCluster.start(number, hosts, seed, threads)) {
      for (int n = next.getAndIncrement(); n < episodes; n = next.getAndIncrement()) {
        var fault = FAULTS.get(n % FAULTS.size());
        cluster.episode(fault);
        met.add(fault);
      }
      var violations = cluster.verify();
      fencings.addAndGet(cluster.fencings());
      samples.addAndGet(cluster.samples());
      longestRecoveryMillis.accumulateAndGet(cluster.longestRecoveryMillis(), Math::max);
      return violations;
    }
  }

  /** I17 and I9: whatever is away for good, a host costs little, says little, and leaves at once. */
  @Test
  @Tag("nightly")
  @Timeout(600)
  void whatIsAwayForGoodMakesAHostNeitherBusyNorLoudNorStuck() throws Exception {
    var threads = Executors.newCachedThreadPool();
    try (var cluster = LiveCluster.start(0, 2, 1, threads)) {
      var one = cluster.hosts().get(0);
      var other = cluster.hosts().get(1);

      other.run("ip addr del " + other.publicIp() + "/24 dev eth0");
      assertNotNull(other.await(0, "state DEGRADED", 15));
      LiveCluster.pause(10_000);
      assertQuietForAMinute(other);
      other.run("ip addr add " + other.publicIp() + "/24 dev eth0");
      cluster.settle("its address was back");

      cluster.etcd().kill();
      assertNotNull(one.await(0, "state FENCED", 15));
      LiveCluster.pause(10_000);
      assertQuietForAMinute(one);
      var took = one.leave();
      assertTrue(took.compareTo(Duration.ofSeconds(7)) < 0, () -> "left after " + took);
      System.out.println("left within " + took.toMillis() + " ms without etcd");
    } finally {
      threads.shutdownNow();
    }
  }

  private static void assertQuietForAMinute(LiveHost host) throws IOException {
    var before = host.processorTime();
    long logged = host.logged();
    LiveCluster.pause(60_000);
    var spent = host.processorTime().minus(before);
    long lines = host.logged() - logged;
    System.out.println(host.state() + ": in a minute " + spent.toMillis() + " ms of a processor, "
        + lines + " lines of log");
    assertTrue(lines <= 10, () -> lines + " lines");
    assertTrue(spent.compareTo(Duration.ofSeconds(3)) < 0, () -> "spent " + spent);
  }
}
