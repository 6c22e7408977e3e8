package io.jaconet.subnet.kubernetes;

import static io.jaconet.subnet.kubernetes.Nodes.annotations;
import static io.jaconet.subnet.kubernetes.Nodes.podCidr;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.SubnetManager;
import io.jaconet.testkit.kubernetes.ApiServer;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The watch of nodes while the API server does all that API servers do. Scenarios T16 and T35. */
@Timeout(90)
class WatchFaultsTest {
  private static final Duration STALE_LIMIT = Duration.ofSeconds(15);
  private static final Duration RECOVERY_LIMIT = Duration.ofSeconds(2);

  private ApiServer server;
  private KubernetesCluster cluster;
  private KubernetesSubnetManager manager;

  @BeforeEach
  void start() throws IOException {
    server = ApiServer.start();
    cluster = KubernetesCluster.builder().apiUrl(server.url()).build();
    manager = KubernetesSubnetManager.over(cluster);
    for (int n = 0; n < 3; n++) {
      addNode(n);
    }
  }

  @AfterEach
  void stop() throws IOException {
    manager.close();
    cluster.close();
    server.close();
    assertTrue(noThreadIsLeft(), "a thread of the cluster is left");
  }

  private static boolean noThreadIsLeft() {
    long end = System.nanoTime() + Duration.ofSeconds(8).toNanos();
    while (System.nanoTime() < end) {
      if (Thread.getAllStackTraces().keySet().stream()
          .noneMatch(thread -> thread.getName().startsWith("jaconet-kubernetes"))) {
        return true;
      }
      Thread.onSpinWait();
    }
    return false;
  }

  private void addNode(int n) {
    server.addNode("node-" + n, annotations(n), podCidr(n));
  }

  private WatchedLeases watch() throws Exception {
    var watched = new WatchedLeases();
    manager.watch(watched);
    return watched.awaitSnapshot();
  }

  private static Set<String> holders(WatchedLeases watched) {
    return watched.leases().values().stream()
        .map(lease -> String.valueOf(lease.holder()))
        .collect(Collectors.toSet());
  }

  private void awaitNode(WatchedLeases watched, int n) throws InterruptedException {
    watched.await(() -> holders(watched).contains("node-" + n));
  }

  private void awaitWatch(int atLeast) throws InterruptedException {
    new WatchedLeases().await(() -> watches() >= atLeast);
  }

  private long watches() {
    return server.calls().stream().filter(call -> call.verb().equals("watch")).count();
  }

  private long lists() {
    return server.calls().stream().filter(call -> call.verb().equals("list")).count();
  }

  @Test
  void goesOnAfterTheLastEventWhenTheConnectionIsCut() throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.cutWatches();
    addNode(3);
    awaitNode(watched, 3);
    server.deleteNode("node-0");
    watched.await(() -> !holders(watched).contains("node-0"));

    assertEquals(1, lists());
    assertEquals(1, watched.snapshots());
    assertNull(watched.failure());
  }

  @Test
  void listsAgainAfter410AndTellsOnlyWhatHasChanged() throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.stop();
    server.deleteNode("node-0");
    server.annotate("node-1", Nodes.PREFIX + "public-ip", "198.18.7.7");
    addNode(3);
    server.compact();
    server.resume();
    awaitNode(watched, 3);

    assertEquals(Set.of("node-1", "node-2", "node-3"), holders(watched));
    assertEquals(3, watched.events().size(), watched::toString);
    assertEquals(1, watched.snapshots());
  }

  @Test
  void aBookmarkSavesAList() throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.bookmark();
    addNode(3);
    awaitNode(watched, 3);
    server.bookmark();
    addNode(4);
    awaitNode(watched, 4);
    server.cutWatches();
    awaitWatch(2);
    addNode(5);
    awaitNode(watched, 5);

    assertEquals(1, lists());
  }

  @Test
  void listsAgainWhenTheClusterWasRestoredFromABackup() throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.stop();
    server.rewind(500);
    server.deleteNode("node-0");
    server.rewind(510);
    server.resume();
    watched.await(() -> !holders(watched).contains("node-0"));
    addNode(3);
    awaitNode(watched, 3);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"type\":\"MODIFIED\",\"object\":\n",
        "not json\n",
        "[]\n",
        "{\"type\":\"MODIFIED\"}\n",
        "{\"type\":\"SURPRISE\",\"object\":{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"9\"}}}\n",
        "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}\n",
        "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"abc\"}}}\n",
        "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":500,\"message\":\"etcd is gone\"}}\n",
      })
  void eventsThatMakeNoSenseTouchNothing(String line) throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.tell(line);
    awaitWatch(2);
    addNode(3);
    awaitNode(watched, 3);

    assertEquals(1, watched.events().size(), watched::toString);
    assertNull(watched.failure());
  }

  @Test
  void readsEventsThatAreSplitAtEveryByte() throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.tellInPieces(1);
    server.annotate("node-0", "example.com/owner", "Zo\u00eb \u2603");
    addNode(3);
    awaitNode(watched, 3);

    assertEquals(4, watched.leases().size());
    assertEquals(1, lists());
  }

  /** T16: refusals of every kind make the network stale, and are over as soon as they are over. */
  @Test
  void saysThatItIsStaleWhileTheServerRefuses() throws Exception {
    var watched = watch();
    awaitWatch(1);
    for (int status : new int[] {401, 403, 500}) {
      server.refuse(call -> true, 1, status);
    }
    server.refuse(call -> true, Integer.MAX_VALUE, 503);
    server.cutWatches();
    var stale = watched.await(() -> watched.failure() != null);
    assertTrue(stale.compareTo(STALE_LIMIT) < 0, stale::toString);
    assertTrue(String.valueOf(watched.failure()).contains("503"), watched::toString);

    var again = new WatchedLeases();
    manager.watch(again);
    server.relent();
    addNode(3);
    var recovery = again.await(() -> holders(again).contains("node-3"));
    assertTrue(recovery.compareTo(RECOVERY_LIMIT) < 0, recovery::toString);
  }

  @Test
  void leavesAServerAloneThatSaysSo() throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.throttle(call -> true, 1, 2);
    server.cutWatches();
    addNode(3);
    var waited = watched.await(() -> holders(watched).contains("node-3"));

    assertTrue(waited.compareTo(Duration.ofMillis(1_900)) > 0, waited::toString);
  }

  /** T16: the server keeps the connection, but answers nothing any more. */
  @Test
  void noticesAServerThatHasFallenSilent() throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.freeze();
    var stale = watched.await(() -> watched.failure() != null);
    assertTrue(stale.compareTo(STALE_LIMIT) < 0, stale::toString);

    var again = new WatchedLeases();
    manager.watch(again);
    addNode(3);
    server.thaw();
    var recovery = again.await(() -> holders(again).contains("node-3"));
    assertTrue(recovery.compareTo(RECOVERY_LIMIT) < 0, recovery::toString);
  }

  @Test
  void aQuietClusterIsNotTakenForADeadOne() throws Exception {
    var watched = watch();
    awaitWatch(1);
    long before = lists();
    new WatchedLeases().await(() -> lists() > before);
    addNode(3);
    awaitNode(watched, 3);

    assertEquals(1, watches());
    assertNull(watched.failure());
  }

  /** T16: bytes come, but too few. */
  @Test
  @Tag("nightly")
  void givesUpAnEventThatDoesNotEnd() throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.tell("{\"type\":\"MODIFIED\",");
    var noticed = new WatchedLeases().await(() -> watches() > 1);
    addNode(3);
    awaitNode(watched, 3);

    assertTrue(noticed.compareTo(STALE_LIMIT) < 0, noticed::toString);
    assertNull(watched.failure());
  }

  @Test
  @Tag("nightly")
  @Timeout(180)
  void beginsAWatchAnewWhoseConnectionWasForgottenOnTheWay() throws Exception {
    var watched = watch();
    awaitWatch(1);
    server.muteWatches();
    addNode(3);
    for (int patience = 0; patience < 15 && watches() == 1; patience++) {
      long before = lists();
      new WatchedLeases().await(() -> watches() > 1 || lists() > before + 1);
    }
    awaitNode(watched, 3);

    assertNull(watched.failure());
  }

  @Test
  void theClientOfTheJdkEndsWhenItIsForgotten() throws Exception {
    var before = threadsOfTheJdksClient();
    useAnotherCluster();
    new WatchedLeases().await(() -> {
      System.gc();
      return before.containsAll(threadsOfTheJdksClient());
    });
  }

  private static Set<Thread> threadsOfTheJdksClient() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("HttpClient-"))
        .collect(Collectors.toSet());
  }

  private void useAnotherCluster() throws IOException {
    try (var other = KubernetesCluster.builder().apiUrl(server.url()).build()) {
      assertEquals("node-0", other.api().node("node-0").name());
    }
  }

  @Test
  void waitsForAServerThatIsNotThereYet() throws Exception {
    server.stop();
    var watched = new WatchedLeases();
    manager.watch(watched);
    server.resume();
    watched.awaitSnapshot();

    assertEquals(3, watched.leases().size());
  }

  @Test
  void aSlowWatcherHoldsUpNobodyAndIsToldTheLatest() throws Exception {
    var entered = new CountDownLatch(1);
    var goOn = new CountDownLatch(1);
    var slow = new WatchedLeases();
    manager.watch(new SubnetManager.Watcher() {
      @Override
      public void onSnapshot(
          ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
        slow.onSnapshot(leases, unreadable);
        entered.countDown();
        try {
          goOn.await();
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }

      @Override
      public void onEvents(ImmutableList<LeaseEvent> events) {
        slow.onEvents(events);
      }

      @Override
      public void onFailure(IOException cause) {
        slow.onFailure(cause);
      }
    });
    entered.await();
    var quick = watch();
    for (int i = 0; i < 50; i++) {
      server.annotate("node-1", Nodes.PREFIX + "public-ip", "198.18.7." + i);
    }
    addNode(3);
    awaitNode(quick, 3);
    goOn.countDown();
    awaitNode(slow, 3);

    assertEquals(2, slow.events().size(), slow::toString);
    assertEquals(quick.leases(), slow.leases());
  }

  @Test
  void fiveThousandNodesComeInPages() throws Exception {
    for (int n = 3; n < 5_000; n++) {
      server.addNode(
          "node-" + n, annotations(n), IpAddress.parse("10.0.0.0").plus(n * 256L) + "/24");
    }
    var watched = watch();
    assertEquals(5_000, watched.leases().size());
    assertEquals(10, lists());

    server.stop();
    server.compact();
    server.resume();
    awaitWatch(3);
    server.deleteNode("node-7");
    watched.await(() -> watched.leases().size() == 4_999);
    assertEquals(1, watched.events().size());
    assertEquals(1, watched.snapshots());
  }
}
