package io.jaconet.subnet.etcd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.LeaseStore.Event;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.StoreWatchLog;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Three members of etcd in a network namespace, and what befalls them. */
@InNetworkNamespace
@Timeout(120)
class EtcdFaultTest {
  private ImmutableList<EtcdServer> members;
  private EtcdLeaseStore store;

  @BeforeEach
  void startCluster() throws IOException {
    run("ip", "link", "set", "lo", "up");
    members = EtcdServer.startThree();
    store = over(members);
    var unused = new Retry(20).until(store::list);
  }

  @AfterEach
  void stopCluster() throws IOException {
    store.close();
    for (var member : members) {
      member.close();
    }
  }

  private static EtcdLeaseStore over(List<EtcdServer> members) {
    return EtcdLeaseStore.builder()
        .endpoints(members.stream().map(EtcdServer::endpoint).toList())
        .build();
  }

  private static void run(String... command) throws IOException {
    var process = new ProcessBuilder(command).inheritIO().start();
    assertEquals(0, process.onExit().join().exitValue(), () -> String.join(" ", command));
  }

  private static Subnets subnets(int number) {
    return Subnets.parseKey("10.5." + number + ".0-24");
  }

  /** Creates a record, also when the answer to the first attempt was lost. */
  private LeaseStore.Entry create(Subnets subnets) {
    return new Retry(20).until(() -> {
      for (var entry : store.list().entries()) {
        if (entry.key().equals(subnets.key())) {
          return entry;
        }
      }
      return store.create(subnets, "", "node", null);
    });
  }

  @Test
  void readsWritesAndWatchesGoOnWhicheverMemberDies() throws Exception {
    var log = new StoreWatchLog();
    store.watch(store.list().revision(), log);
    var expected = new ArrayList<Event>();
    for (int i = 0; i < members.size(); i++) {
      members.get(i).kill();
      var entry = create(subnets(i));
      expected.add(new Event.Put(entry));
      assertEquals(i + 1, store.list().entries().size());
      members.get(i).run();
      members.get(i).awaitReady();
    }

    var seen = new ArrayList<Event>();
    for (int i = 0; i < expected.size(); i++) {
      seen.add(log.next());
    }
    assertEquals(expected, seen);
    assertTrue(log.isSilent());
  }

  @Test
  void aWatchGoesOnWithoutAGapOrFailsWhenAllMembersRestart() throws Exception {
    var before = store.create(subnets(1), "", "node", null);
    var log = new StoreWatchLog();
    store.watch(store.list().revision(), log);
    members.forEach(EtcdServer::kill);
    for (var member : members) {
      member.run();
    }
    var after = new Retry(20).until(() -> store.create(subnets(2), "", "node", null));

    var event = log.nextUnlessFailed();
    if (event != null) {
      assertEquals(new Event.Put(after), event);
    }
    assertEquals(List.of(before, after), store.list().entries());
  }

  /** T12: what was compacted away is said, and the list says what is. */
  @Test
  void aWatchThatWantsWhatIsCompactedFailsAtOnce() throws Exception {
    long old = store.list().revision();
    var entry = store.create(subnets(1), "", "node", null);
    for (int i = 0; i < 10; i++) {
      entry = store.update(entry, "value " + i, "node", null);
    }
    members.get(0).ctl("compact", Long.toString(entry.revision()));
    var log = new StoreWatchLog();
    store.watch(old, log);

    var failure = log.failure();
    assertTrue(failure.toString().contains("remember"), failure::toString);
    assertEquals(List.of(entry), store.list().entries());
  }

  @Test
  @Tag("nightly")
  void leavesAMemberThatHangs() throws Exception {
    var log = new StoreWatchLog();
    store.watch(store.list().revision(), log);
    for (int i = 0; i < members.size(); i++) {
      members.get(i).signal("STOP");
      var entry = create(subnets(i));
      assertEquals(new Event.Put(entry), log.next());
      members.get(i).signal("CONT");
    }
  }

  @Test
  @Tag("nightly")
  void doesNotUseAMemberThatHasNoLeader() throws Exception {
    try (var alone = over(List.of(members.get(0)))) {
      alone.list();
      members.get(1).kill();
      members.get(2).kill();
      var refusal = assertThrows(IOException.class, () -> {
        alone.list();
        alone.list();
      });
      members.get(1).run();
      var entry = new Retry(20).until(() -> alone.create(subnets(1), "", "node", null));

      assertTrue(refusal.toString().contains("leader"), refusal::toString);
      assertEquals(List.of(entry), alone.list().entries());
    }
  }

  /** T16: packets vanish; nothing is refused and nothing is reset. */
  @Test
  void noticesABlackHoleWithinFifteenSeconds() throws Exception {
    var log = new StoreWatchLog();
    store.watch(store.list().revision(), log);
    long cut = System.nanoTime();
    for (var member : members) {
      drop("tcp dport { %d }".formatted(member.clientPort()));
    }
    log.failure();
    assertThrows(IOException.class, store::list);
    var took = Duration.ofNanos(System.nanoTime() - cut);
    assertTrue(took.compareTo(Duration.ofSeconds(15)) < 0, () -> "noticed after " + took);
    System.out.println("black hole noticed after " + took);

    run("nft", "flush", "ruleset");
    long healed = System.nanoTime();
    var unused = new Retry(20).until(store::list);
    var back = Duration.ofNanos(System.nanoTime() - healed);
    assertTrue(back.compareTo(Duration.ofSeconds(5)) < 0, () -> "back after " + back);
  }

  @Test
  @Tag("nightly")
  void callsEndInBoundedTimeWhateverHangs() throws IOException {
    for (var member : members) {
      member.signal("STOP");
    }
    try {
      for (var call : Map.<String, Retry.Call<?>>of(
              "list",
              store::list,
              "create",
              () -> store.create(subnets(1), "", "node", Duration.ofDays(1)))
          .entrySet()) {
        long start = System.nanoTime();
        assertThrows(IOException.class, () -> call.getValue().call());
        var took = Duration.ofNanos(System.nanoTime() - start);
        assertTrue(
            took.compareTo(Duration.ofSeconds(20)) < 0, () -> call.getKey() + " took " + took);
      }
    } finally {
      for (var member : members) {
        member.signal("CONT");
      }
    }
    var unused = new Retry(20).until(store::list);
  }

  private static void drop(String packets) throws IOException {
    run("nft", "add table ip cut");
    run("nft", "add chain ip cut in { type filter hook input priority 0 ; }");
    run("nft", "add rule ip cut in " + packets + " drop");
  }

  @Test
  void nothingOfAClosedStoreStaysBehind() throws Exception {
    var before = threads();
    var second = over(members);
    second.watch(second.list().revision(), new StoreWatchLog());
    second.close();

    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (threads() > before && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    assertTrue(threads() <= before, () -> Thread.getAllStackTraces().keySet().toString());
  }

  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("jaconet-etcd"))
        .count();
  }
}
