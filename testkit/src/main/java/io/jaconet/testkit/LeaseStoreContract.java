package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.LeaseStore.ConflictException;
import io.jaconet.spi.LeaseStore.Entry;
import io.jaconet.spi.LeaseStore.Event;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What every {@link LeaseStore} must do. Implement it in a test class of your own with a method that gives a store, and JUnit runs all of
 * it. Uses real time; nothing waits longer than it must.
 */
@Timeout(120)
public interface LeaseStoreContract {

  /** Returns a new store without records. The contract closes it. */
  LeaseStore newStore() throws IOException;

  /** Returns the shortest time to live that the store can keep. */
  default Duration shortestTimeToLive() {
    return Duration.ofSeconds(1);
  }

  @Test
  default void listsNothingAtFirst() throws IOException {
    try (var store = newStore()) {
      assertEquals(ImmutableList.of(), store.list().entries());
    }
  }

  @Test
  default void listsARecordAsItWasWritten() throws IOException {
    try (var store = newStore()) {
      var created = store.create(subnets(7), "seven", "node-7", null);
      var snapshot = store.list();

      assertEquals(ImmutableList.of(created), snapshot.entries());
      assertEquals(subnets(7).key(), created.key());
      assertEquals("seven", created.value());
      assertEquals("node-7", created.holder());
      assertEquals(created.created(), created.revision());
      assertNull(created.timeToLive());
      assertTrue(snapshot.revision() >= created.revision(), snapshot + " is older than " + created);
    }
  }

  @Test
  default void listsInTheOrderOfKeys() throws IOException {
    try (var store = newStore()) {
      for (int i : new int[] {30, 4, 100, 7}) {
        store.create(subnets(i), "", "node", null);
      }

      var keys = store.list().entries().stream().map(Entry::key).toList();
      assertEquals(keys.stream().sorted().toList(), keys);
      assertEquals(4, keys.size());
    }
  }

  @Test
  default void keepsAnyText() throws IOException {
    try (var store = newStore()) {
      var texts = List.of(
          "",
          " ",
          "{\"a\":[1,2.0,null]}",
          "two\nlines\r\n",
          "grüße \u4f60\u597d \ud83d\ude00",
          "\\\"'`$(x)",
          "x".repeat(20_000));
      for (int i = 0; i < texts.size(); i++) {
        store.create(subnets(i), texts.get(i), "node \"" + i + "\"", null);
      }

      var listed = byKey(store.list());
      for (int i = 0; i < texts.size(); i++) {
        var entry = listed.get(subnets(i).key());
        assertNotNull(entry);
        assertEquals(texts.get(i), entry.value());
        assertEquals("node \"" + i + "\"", entry.holder());
      }
    }
  }

  @Test
  default void raisesTheRevisionWithEveryWrite() throws IOException {
    try (var store = newStore()) {
      long before = store.list().revision();
      var created = store.create(subnets(1), "a", "node", null);
      var other = store.create(subnets(2), "b", "node", null);
      var updated = store.update(created, "c", "node", null);
      store.delete(other);
      long after = store.list().revision();

      assertTrue(before < created.revision(), before + " < " + created);
      assertTrue(created.revision() < other.revision(), created + " < " + other);
      assertTrue(other.revision() < updated.revision(), other + " < " + updated);
      assertTrue(updated.revision() < after, updated + " < " + after);
    }
  }

  @Test
  default void refusesASecondRecordOfASubnet() throws IOException {
    try (var store = newStore()) {
      for (var subnets : List.of(subnets(1), v6(1), dual(2, 2))) {
        var first = store.create(subnets, "first", "node-1", null);
        assertThrows(
            ConflictException.class, () -> store.create(subnets, "second", "node-2", null));
        assertEquals(first, byKey(store.list()).get(subnets.key()));
      }
    }
  }

  /** Failure F4: a key of both families does not guard either of them. */
  @Test
  default void refusesARecordThatSharesOneFamilyOnly() throws IOException {
    try (var store = newStore()) {
      store.create(dual(1, 1), "", "node-1", null);

      for (var subnets : List.of(dual(1, 2), dual(2, 1), subnets(1), v6(1))) {
        assertThrows(
            ConflictException.class,
            () -> store.create(subnets, "", "node-2", null),
            subnets::toString);
      }
      store.create(dual(2, 2), "", "node-2", null);
      assertEquals(2, store.list().entries().size());
    }
  }

  @Test
  default void givesASubnetAgainOnceItsRecordIsGone() throws IOException {
    try (var store = newStore()) {
      var first = store.create(dual(1, 1), "", "node-1", null);
      store.delete(first);

      var second = store.create(dual(1, 2), "", "node-2", null);
      store.create(v6(1), "", "node-3", null);
      assertTrue(first.revision() < second.created(), first + " < " + second);
    }
  }

  @Test
  default void updateReplacesARecordAndKeepsItsCreation() throws IOException {
    try (var store = newStore()) {
      var created = store.create(subnets(1), "old", "node-1", null);
      var updated = store.update(created, "new", "node-2", null);

      assertEquals(
          new Entry(created.key(), "new", "node-2", created.created(), updated.revision(), null),
          updated);
      assertEquals(ImmutableList.of(updated), store.list().entries());
    }
  }

  @Test
  default void updateConflictsAfterAnyOtherWrite() throws IOException {
    try (var store = newStore()) {
      var created = store.create(subnets(1), "a", "node", null);
      var updated = store.update(created, "b", "node", null);

      assertThrows(ConflictException.class, () -> store.update(created, "c", "node", null));
      assertEquals(ImmutableList.of(updated), store.list().entries());
    }
  }

  @Test
  default void updateOfAGoneRecordConflicts() throws IOException {
    try (var store = newStore()) {
      var created = store.create(subnets(1), "a", "node", null);
      store.delete(created);
      assertThrows(ConflictException.class, () -> store.update(created, "b", "node", null));

      var again = store.create(subnets(1), "a", "node", null);
      assertThrows(ConflictException.class, () -> store.update(created, "b", "node", null));
      assertEquals(ImmutableList.of(again), store.list().entries());
    }
  }

  @Test
  default void updateKeepsThePrefixesGuarded() throws IOException {
    try (var store = newStore()) {
      store.update(store.create(dual(1, 1), "a", "node", null), "b", "node", null);

      assertThrows(ConflictException.class, () -> store.create(dual(1, 2), "", "node-2", null));
    }
  }

  @Test
  default void deleteConflictsAfterAnotherWrite() throws IOException {
    try (var store = newStore()) {
      var created = store.create(subnets(1), "a", "node", null);
      var updated = store.update(created, "b", "node", null);

      assertThrows(ConflictException.class, () -> store.delete(created));
      assertEquals(ImmutableList.of(updated), store.list().entries());
    }
  }

  @Test
  default void deleteOfAGoneRecordSucceeds() throws IOException {
    try (var store = newStore()) {
      var created = store.create(subnets(1), "a", "node", null);
      store.delete(created);
      store.delete(created);

      assertEquals(ImmutableList.of(), store.list().entries());
    }
  }

  @Test
  default void letsARecordGoWhenItsTimeIsUpAndSaysSo() throws Exception {
    try (var store = newStore()) {
      var log = new StoreWatchLog();
      store.watch(store.list().revision(), log);
      long start = System.nanoTime();
      var created = store.create(subnets(1), "", "node", shortestTimeToLive());
      var remaining = created.timeToLive();

      assertNotNull(remaining);
      assertTrue(remaining.compareTo(shortestTimeToLive()) <= 0, remaining + " remain");
      assertTrue(log.next() instanceof Event.Put);
      var deleted = log.next();
      assertTrue(deleted instanceof Event.Deleted, deleted::toString);
      assertEquals(created.key(), StoreWatchLog.key(deleted));
      assertTrue(created.revision() < StoreWatchLog.revision(deleted), created + " < " + deleted);
      assertTrue(System.nanoTime() - start >= shortestTimeToLive().toNanos(), "vanished too early");
      assertEquals(ImmutableList.of(), store.list().entries());
      assertThrows(ConflictException.class, () -> store.update(created, "", "node", null));
      store.create(subnets(1), "", "node-2", null);
    }
  }

  @Test
  default void keepsARecordThatIsWrittenAgainInTime() throws Exception {
    try (var store = newStore()) {
      var log = new StoreWatchLog();
      var renewed = store.create(subnets(1), "", "node", shortestTimeToLive().plusSeconds(2));
      renewed = store.update(renewed, "", "node", Duration.ofHours(1));
      var reserved = store.create(subnets(2), "", "node", shortestTimeToLive().plusSeconds(2));
      reserved = store.update(reserved, "", "node", null);
      store.watch(store.list().revision(), log);
      var last = store.create(subnets(3), "", "node", shortestTimeToLive().plusSeconds(2));

      assertEquals(last.key(), StoreWatchLog.key(log.next()));
      var deleted = log.next();
      assertEquals(last.key(), StoreWatchLog.key(deleted));
      var listed = byKey(store.list());
      assertEquals(List.of(renewed.key(), reserved.key()), List.copyOf(listed.keySet()));
      var keptReserved = listed.get(reserved.key());
      var keptRenewed = listed.get(renewed.key());
      assertTrue(
          keptReserved != null && keptReserved.timeToLive() == null, () -> "" + keptReserved);
      assertTrue(keptRenewed != null && keptRenewed.timeToLive() != null, () -> "" + keptRenewed);
    }
  }

  @Test
  default void reportsEveryWriteOnceAndInOrder() throws Exception {
    try (var store = newStore()) {
      store.create(subnets(200), "before", "node", null);
      var log = new StoreWatchLog();
      long from = store.list().revision();
      store.watch(from, log);
      var expected = new ArrayList<Event>();
      var a = store.create(subnets(1), "a", "node-1", null);
      expected.add(new Event.Put(a));
      var b = store.create(dual(2, 2), "b", "node-2", null);
      expected.add(new Event.Put(b));
      expected.add(new Event.Put(store.update(a, "c", "node-3", null)));
      store.delete(b);

      var seen = new ArrayList<Event>();
      for (int i = 0; i < 4; i++) {
        seen.add(log.next());
      }
      assertEquals(expected, seen.subList(0, 3));
      assertTrue(
          seen.get(3) instanceof Event.Deleted deleted && deleted.key().equals(b.key()),
          seen::toString);
      assertIncreasing(from, seen);
      assertEquals(0, log.pending());
    }
  }

  @Test
  default void replaysWhatWasWrittenBetweenTheListAndTheWatch() throws Exception {
    try (var store = newStore()) {
      long from = store.list().revision();
      var first = store.create(subnets(1), "", "node", null);
      var second = store.create(subnets(2), "", "node", null);
      var log = new StoreWatchLog();
      store.watch(from, log);

      assertEquals(
          List.of(new Event.Put(first), new Event.Put(second)), log.upTo(second.revision()));
    }
  }

  /** Invariant: a snapshot and the events after it give what a later snapshot says, however many write. */
  @Test
  default void snapshotAndEventsGiveTheLaterSnapshot() throws Exception {
    try (var store = newStore()) {
      for (int i = 0; i < 20; i++) {
        store.create(subnets(i), "start", "node", null);
      }
      var snapshot = store.list();
      var log = new StoreWatchLog();
      store.watch(snapshot.revision(), log);
      Concurrently.run(4, writer -> {
        scribble(store, new Random(writer), "node-" + writer);
        return writer;
      });
      var last = store.create(subnets(250), "last", "node", null);
      var later = byKey(store.list());

      var replayed = byKey(snapshot);
      var events = log.upTo(last.revision());
      for (var event : events) {
        if (event instanceof Event.Put put) {
          replayed.put(put.entry().key(), put.entry());
        } else {
          replayed.remove(StoreWatchLog.key(event));
        }
      }
      assertIncreasing(snapshot.revision(), events);
      assertEquals(later, replayed);
    }
  }

  @Test
  default void ofManyCreatesOfOneSubnetOneSucceeds() throws Exception {
    try (var store = newStore()) {
      for (int round = 0; round < 20; round++) {
        int subnet = round;
        var results = Concurrently.run(
            4,
            n -> attempt(() -> store.create(dual(subnet, subnet * 4 + n), "", "node-" + n, null)));

        var winners = results.stream().flatMap(Optional::stream).toList();
        assertEquals(1, winners.size(), winners::toString);
        assertEquals(round + 1, store.list().entries().size());
      }
    }
  }

  @Test
  default void ofManyUpdatesOfOneRevisionOneSucceeds() throws Exception {
    try (var store = newStore()) {
      var current = store.create(subnets(1), "", "node", null);
      for (int round = 0; round < 20; round++) {
        var expected = current;
        var results = Concurrently.run(
            4, n -> attempt(() -> store.update(expected, "by " + n, "node-" + n, null)));

        var winners = results.stream().flatMap(Optional::stream).toList();
        assertEquals(1, winners.size(), winners::toString);
        current = winners.get(0);
        assertEquals(ImmutableList.of(current), store.list().entries());
      }
    }
  }

  @Test
  default void theWatcherMayCallTheStore() throws Exception {
    try (var store = newStore()) {
      var answers = new LinkedBlockingQueue<Object>();
      store.watch(store.list().revision(), new LeaseStore.Watcher() {
        @Override
        public void onEvents(ImmutableList<Event> events) {
          try {
            if (store.list().entries().size() == 1) {
              store.create(subnets(2), "from the watcher", "node", null);
            } else {
              answers.add(store.list());
            }
          } catch (IOException e) {
            answers.add(e);
          }
        }

        @Override
        public void onFailure(IOException cause) {
          answers.add(cause);
        }
      });
      store.create(subnets(1), "", "node", null);

      var answer = answers.poll(30, TimeUnit.SECONDS);
      assertTrue(
          answer instanceof LeaseStore.Snapshot snapshot && snapshot.entries().size() == 2,
          () -> "" + answer);
    }
  }

  @Test
  default void aClosedWatchIsSilent() throws Exception {
    try (var store = newStore()) {
      var closed = new StoreWatchLog();
      var running = new StoreWatchLog();
      var watch = store.watch(store.list().revision(), closed);
      store.watch(store.list().revision(), running);
      watch.close();
      watch.close();
      int before = closed.pending();
      var entry = store.create(subnets(1), "", "node", null);
      running.upTo(entry.revision());

      assertEquals(before, closed.pending());
    }
  }

  @Test
  default void aWatchMayBeClosedByItsWatcher() throws Exception {
    try (var store = newStore()) {
      var own = new CompletableFuture<LeaseStore.Watch>();
      var told = new LinkedBlockingQueue<ImmutableList<Event>>();
      own.complete(store.watch(store.list().revision(), new LeaseStore.Watcher() {
        @Override
        public void onEvents(ImmutableList<Event> events) {
          own.join().close();
          told.add(events);
        }

        @Override
        public void onFailure(IOException cause) {
          throw new AssertionError(cause);
        }
      }));
      store.create(subnets(1), "", "node", null);
      assertNotNull(told.poll(30, TimeUnit.SECONDS));
      var running = new StoreWatchLog();
      store.watch(store.list().revision(), running);
      running.upTo(store.create(subnets(2), "", "node", null).revision());

      assertTrue(told.isEmpty(), told::toString);
    }
  }

  @Test
  default void closeEndsWatchesAndMayBeCalledAgain() throws Exception {
    var store = newStore();
    var log = new StoreWatchLog();
    var watch = store.watch(store.list().revision(), log);
    var entry = store.create(subnets(1), "", "node", null);
    log.upTo(entry.revision());
    store.close();
    store.close();
    watch.close();

    assertThrows(IOException.class, store::list);
    assertThrows(IOException.class, () -> store.create(subnets(2), "", "node", null));
    assertThrows(IOException.class, () -> store.update(entry, "", "node", null));
    assertThrows(IOException.class, () -> store.delete(entry));
    assertThrows(IOException.class, () -> store.watch(entry.revision(), log));
    assertEquals(0, log.pending());
  }

  private static void scribble(LeaseStore store, Random random, String holder) throws IOException {
    for (int i = 0; i < 50; i++) {
      var entries = store.list().entries();
      try {
        if (entries.isEmpty() || random.nextInt(3) == 0) {
          store.create(subnets(random.nextInt(40)), "created " + i, holder, null);
        } else {
          var entry = entries.get(random.nextInt(entries.size()));
          if (random.nextBoolean()) {
            store.update(entry, "updated " + i, holder, null);
          } else {
            store.delete(entry);
          }
        }
      } catch (ConflictException lostRace) {
        assertFalse(String.valueOf(lostRace.getMessage()).isEmpty());
      }
    }
  }

  private static Optional<Entry> attempt(Callable<Entry> write) throws Exception {
    try {
      return Optional.of(write.call());
    } catch (ConflictException lostRace) {
      return Optional.empty();
    }
  }

  private static void assertIncreasing(long from, List<Event> events) {
    long last = from;
    for (var event : events) {
      long revision = StoreWatchLog.revision(event);
      assertTrue(last < revision, () -> "not in order after " + from + ": " + events);
      last = revision;
    }
  }

  private static Map<String, Entry> byKey(LeaseStore.Snapshot snapshot) {
    var entries = new TreeMap<String, Entry>();
    snapshot.entries().forEach(entry -> entries.put(entry.key(), entry));
    return entries;
  }

  private static Subnets subnets(int number) {
    return Subnets.of(prefix("10.5.0.0/24", number));
  }

  private static Subnets v6(int number) {
    return Subnets.of(prefix("fd00:5::/64", number));
  }

  private static Subnets dual(int v4Number, int v6Number) {
    return Subnets.of(prefix("10.5.0.0/24", v4Number), prefix("fd00:5::/64", v6Number));
  }

  private static IpPrefix prefix(String first, int number) {
    var prefix = IpPrefix.parse(first);
    for (int i = 0; i < number; i++) {
      prefix = prefix.next();
    }
    return prefix;
  }
}
