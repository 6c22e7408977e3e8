package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.EntryChange.Mode;
import io.jaconet.linux.ForwardingEntry.Nexthop;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.Backend;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The writes of one call of a {@link PeerTable}, in an order in which traffic never goes where nothing is yet, or nothing any more. Filled,
 * then executed once. What a peer's entry is refused for becomes a trouble of that peer, and it gets no further ones; the other peers do.
 */
final class PeerPlan {
  /** How often another id is tried for a nexthop object in one call, should the kernel say each time that it is taken. */
  private static final int MOST_ATTEMPTS = 16;

  private final ForwardingTables tables;
  private final GatewayRoutes gateways;
  private final Troubles troubles;

  private final List<Step> removedRoutes = new ArrayList<>();
  private final List<Step> removedVteps = new ArrayList<>();
  private final List<Step> removedNexthops = new ArrayList<>();
  private final List<Step> vteps = new ArrayList<>();
  private final List<Step> nexthops = new ArrayList<>();
  private final List<Step> routes = new ArrayList<>();

  private final Set<Subnets> failed = new HashSet<>();
  private final Map<Subnets, String> unremoved = new HashMap<>();
  private final ImmutableList.Builder<Backend.Repair> repairs = ImmutableList.builder();
  private @Nullable EntryFailure leftOver;
  private int writes;

  /**
   * A write.
   *
   * @param wish what it is for, null if it removes something
   * @param peer whose entry it is, null if nobody's
   */
  private record Step(
      @Nullable Wish wish,
      @Nullable Subnets peer,
      Mode mode,
      ForwardingEntry entry,
      Backend.@Nullable Repair repair) {}

  private record Refusal(Step step, EntryFailure failure) {}

  PeerPlan(ForwardingTables tables, GatewayRoutes gateways, Troubles troubles) {
    this.tables = tables;
    this.gateways = gateways;
    this.troubles = troubles;
  }

  /** Plans to put back what others changed, unless it was too often, or to write what never was. */
  void mend(Wish wish, @Nullable ForwardingEntry found) {
    if (!wish.stands) {
      write(wish, found != null);
      return;
    }
    var expected = gateways.realized(wish.entry);
    String name = Wish.name(expected);
    if (!troubles.isLeft(Wish.key(wish.entry), wish.peer, name)) {
      var repair = new Backend.Repair(name, Wish.describe(expected), Wish.describe(found));
      write(wish, true, repair);
    }
  }

  /**
   * Plans to write what is wanted.
   *
   * @param inPlace whether what is in the entry's place, if anything is, is ours or was put there instead of ours
   */
  void write(Wish wish, boolean inPlace) {
    write(wish, inPlace, null);
  }

  private void write(Wish wish, boolean inPlace, Backend.@Nullable Repair repair) {
    wish.stands = false;
    Mode mode = inPlace || !isShared(wish.entry) ? Mode.REPLACE : Mode.CREATE;
    if (wish.entry instanceof Nexthop nexthop && gateways.ids().of(nexthop.gateway()) == 0) {
      mode = Mode.CREATE;
    }
    steps(wish.entry, vteps, nexthops, routes)
        .add(new Step(wish, wish.peer, mode, wish.entry, repair));
  }

  /** Returns whether others' entries may have the same key. */
  private static boolean isShared(ForwardingEntry entry) {
    return entry instanceof Route || entry instanceof Nexthop;
  }

  /** Plans to remove what was wanted until now. */
  void withdraw(Wish wish) {
    var entry = gateways.realized(wish.entry);
    if (!(entry instanceof Nexthop nexthop && nexthop.id() == 0)) {
      removals(entry).add(new Step(null, wish.peer, Mode.REMOVE, entry, null));
    }
  }

  /** Plans to remove what is there and ours, but of no peer, as it may be left by an earlier run. */
  void remove(ForwardingEntry found) {
    removals(found).add(new Step(null, null, Mode.REMOVE, found, null));
  }

  /** Plans to remove what others put there, unless it was too often. */
  void removeAdded(ForwardingEntry found) {
    if (!troubles.isLeft(Wish.key(found), null, Wish.name(found))) {
      var repair = new Backend.Repair(Wish.name(found), "", Wish.describe(found));
      removals(found).add(new Step(null, null, Mode.REMOVE, found, repair));
    }
  }

  private List<Step> removals(ForwardingEntry entry) {
    return steps(entry, removedVteps, removedNexthops, removedRoutes);
  }

  private static List<Step> steps(
      ForwardingEntry entry, List<Step> ofVteps, List<Step> ofNexthops, List<Step> ofRoutes) {
    return switch (EntryKind.of(entry)) {
      case NEIGHBORS, FDB -> ofVteps;
      case NEXTHOPS -> ofNexthops;
      case ROUTES -> ofRoutes;
    };
  }

  /**
   * Writes what is planned.
   *
   * @throws IOException if the kernel's answers were lost
   */
  PeerTable.Outcome execute() throws IOException {
    // What goes, goes first: the kernel has one place for a MAC or an address.
    writeAll(removedRoutes);
    writeAll(removedVteps);
    writeAll(vteps);
    writeNexthops();
    // The routes are last: once one exists packets flow, and without the neighbor the kernel
    // would ask for an address that nobody answers for.
    writeAll(routes);
    writeAll(removedNexthops);
    for (Step step : removedNexthops) {
      var nexthop = (Nexthop) step.entry;
      if (gateways.ids().of(nexthop.gateway()) == nexthop.id()) {
        gateways.ids().release(nexthop.gateway());
      }
    }
    return outcome();
  }

  private PeerTable.Outcome outcome() {
    Map<Subnets, String> pending = troubles.ofPeers();
    pending.putAll(unremoved);
    return new PeerTable.Outcome(
        ImmutableMap.copyOf(pending),
        troubles.ofNoPeer(),
        writes,
        repairs.build(),
        !unremoved.isEmpty() || troubles.haveRefusals());
  }

  /** Returns a removal of something of no peer that the executed plan was refused, null if all of it is gone. */
  @Nullable
  EntryFailure leftOver() {
    return leftOver;
  }

  private void writeAll(List<Step> steps) throws IOException {
    for (Refusal refusal : attempt(steps)) {
      fail(refusal);
    }
  }

  private void writeNexthops() throws IOException {
    var ids = gateways.ids();
    List<Step> todo = nexthops;
    for (int attempt = 1; !todo.isEmpty(); attempt++) {
      for (Step step : todo) {
        var gateway = ((Nexthop) step.entry).gateway();
        if (ids.of(gateway) == 0) {
          ids.allocate(gateway);
        }
      }
      List<Step> again = new ArrayList<>();
      for (Refusal refusal : attempt(todo)) {
        var gateway = ((Nexthop) refusal.step.entry).gateway();
        int id = ids.of(gateway);
        ids.release(gateway);
        switch (refusal.failure.errno()) {
          case Errno.EEXIST -> {
            ids.seen(id);
            if (attempt == MOST_ATTEMPTS) {
              fail(refusal);
            } else {
              again.add(refusal.step);
            }
          }
          case Errno.EOPNOTSUPP -> gateways.doWithoutNexthopObjects();
          default -> fail(refusal);
        }
      }
      todo = gateways.haveNexthopObjects() ? again : List.of();
    }
  }

  /** Writes the steps, except additions for a peer that already lacks something, and returns what the kernel refused. */
  private List<Refusal> attempt(List<Step> steps) throws IOException {
    List<Step> attempted = new ArrayList<>(steps.size());
    List<EntryChange> changes = new ArrayList<>(steps.size());
    for (Step step : steps) {
      if (step.wish == null || !failed.contains(step.wish.peer)) {
        attempted.add(step);
        changes.add(new EntryChange(
            step.mode, step.wish == null ? step.entry : gateways.realized(step.entry)));
      }
    }
    if (attempted.isEmpty()) {
      return List.of();
    }
    List<Refusal> refusals = new ArrayList<>();
    int at = 0;
    for (EntryFailure failure : tables.apply(changes)) {
      for (; !changes.get(at).equals(failure.change()); at++) {
        done(attempted.get(at));
      }
      refusals.add(new Refusal(attempted.get(at++), failure));
    }
    for (; at < attempted.size(); at++) {
      done(attempted.get(at));
    }
    writes += attempted.size() - refusals.size();
    return refusals;
  }

  private void done(Step step) {
    if (step.wish != null) {
      troubles.settle(step.wish);
    }
    if (step.repair != null) {
      // What could not be written was not undone by anybody.
      troubles.mended(Wish.key(step.entry));
      repairs.add(step.repair);
    }
  }

  private void fail(Refusal refusal) {
    var step = refusal.step;
    if (refusal.failure.alreadyGone()) {
      return;
    }
    String reason = refusal.failure.toString();
    if (step.wish == null) {
      if (step.peer == null) {
        leftOver = refusal.failure;
        troubles.refused(Wish.key(step.entry), null, reason);
      } else {
        unremoved.put(step.peer, reason);
      }
      return;
    }
    if (refusal.failure.alreadyThere() && step.entry instanceof Route route) {
      reason = "another's route is in the way; see 'ip route show " + route.destination() + "'";
    }
    failed.add(step.wish.peer);
    troubles.refused(Wish.key(step.entry), step.wish.peer, reason);
  }
}
