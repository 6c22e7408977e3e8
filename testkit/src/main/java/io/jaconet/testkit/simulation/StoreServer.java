package io.jaconet.testkit.simulation;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.LeaseStore.Entry;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Where requests of all hosts arrive. Keeps books of its own, which share no rule with the store, and says so if the store lets a write pass
 * that must not (invariants I1 and I2). Confined to the simulation's thread.
 */
final class StoreServer {
  private final World world;
  private final SharedStore shared;
  private final Consumer<String> violation;
  private final Map<String, Holding> holdings = new LinkedHashMap<>();
  private long version;
  private int writes;

  /** A record that names a subnet. */
  record Holding(
      Subnets subnets, @Nullable String holder, String value, long revision, long deadlineNanos) {}

  StoreServer(World world, SharedStore shared, Consumer<String> violation) {
    this.world = world;
    this.shared = shared;
    this.violation = violation;
  }

  private LeaseStore store() {
    return shared.store();
  }

  LeaseStore.Snapshot list() throws IOException {
    return store().list();
  }

  LeaseStore.Watch watch(long revision, LeaseStore.Watcher watcher) throws IOException {
    return store().watch(revision, watcher);
  }

  Entry create(Subnets subnets, String value, String writer, @Nullable Duration timeToLive)
      throws IOException {
    var entry = store().create(subnets, value, writer, timeToLive);
    for (Holding other : live()) {
      // What covers more than a subnet was written by nobody who means to hold it.
      boolean isSubnet = other.subnets.prefixes().stream()
          .allMatch(prefix -> prefix.length() >= subnets.prefixes().get(0).length());
      if (isSubnet && other.subnets.overlaps(subnets)) {
        violation.accept("I1: " + writer + " created " + subnets + " while " + other.holder
            + " held " + other.subnets);
      }
    }
    note(entry, timeToLive);
    return entry;
  }

  Entry update(Entry expected, String value, String writer, @Nullable Duration timeToLive)
      throws IOException {
    var before = holding(expected.key());
    var entry = store().update(expected, value, writer, timeToLive);
    if (before == null) {
      violation.accept("I2: " + writer + " wrote " + expected.key() + ", which was gone");
    } else if (before.revision != expected.revision()) {
      violation.accept("I2: " + writer + " wrote " + expected.key() + " at revision "
          + expected.revision() + " over revision " + before.revision);
    } else if (!writer.equals(before.holder) && !isAdoption(before, value)) {
      violation.accept(
          "I2: " + writer + " wrote over the record " + expected.key() + " of " + before.holder);
    }
    note(entry, timeToLive);
    return entry;
  }

  /** Returns whether a record that a program without node ids wrote for the same address is taken over. */
  private static boolean isAdoption(Holding before, String value) {
    if (before.holder != null) {
      return false;
    }
    var theirs = LeaseAttributes.parse(before.value);
    var ours = LeaseAttributes.parse(value);
    for (IpFamily family : IpFamily.values()) {
      if (!theirs.publicIp(family).equals(ours.publicIp(family))) {
        return false;
      }
    }
    return true;
  }

  void delete(Entry expected, String writer) throws IOException {
    var before = holding(expected.key());
    store().delete(expected);
    if (before != null) {
      if (before.holder != null && !writer.equals(before.holder)) {
        violation.accept(
            "I2: " + writer + " deleted the record " + expected.key() + " of " + before.holder);
      }
      forget(expected.key());
    }
  }

  /** Writes a record as somebody who keeps to no rule. */
  void overwrite(String key, String value, @Nullable Duration timeToLive) throws IOException {
    shared.overwrite(key, value, timeToLive);
    var current = entry(key);
    if (isSubnet(key)) {
      note(requireNonNull(current), timeToLive);
    }
  }

  /** Deletes a record as somebody who keeps to no rule. */
  void deleteByHand(String key) throws IOException {
    var current = entry(key);
    if (current != null) {
      store().delete(current);
      forget(key);
    }
  }

  private @Nullable Entry entry(String key) throws IOException {
    for (Entry entry : store().list().entries()) {
      if (entry.key().equals(key)) {
        return entry;
      }
    }
    return null;
  }

  private static boolean isSubnet(String key) {
    try {
      return !Subnets.parseKey(key).key().isEmpty();
    } catch (IllegalArgumentException noSubnet) {
      return false;
    }
  }

  void compact() {
    shared.compact();
  }

  private void note(Entry entry, @Nullable Duration timeToLive) {
    long deadline = timeToLive == null ? Long.MAX_VALUE : world.nanoTime() + timeToLive.toNanos();
    holdings.put(
        entry.key(),
        new Holding(
            Subnets.parseKey(entry.key()),
            entry.holder(),
            entry.value(),
            entry.revision(),
            deadline));
    version++;
    writes++;
    if (timeToLive != null) {
      world.schedule(timeToLive, this::expire);
    }
  }

  private void forget(String key) {
    holdings.remove(key);
    version++;
  }

  private void expire() {
    if (holdings.values().removeIf(holding -> holding.deadlineNanos <= world.nanoTime())) {
      version++;
    }
  }

  /** Returns the live record of a key. */
  @Nullable
  Holding holding(String key) {
    var holding = holdings.get(key);
    return holding == null || holding.deadlineNanos <= world.nanoTime() ? null : holding;
  }

  /** Returns all live records. */
  ImmutableList<Holding> live() {
    expire();
    return ImmutableList.copyOf(holdings.values());
  }

  /** Returns a number that changes with every record. */
  long version() {
    expire();
    return version;
  }

  int writes() {
    return writes;
  }
}
