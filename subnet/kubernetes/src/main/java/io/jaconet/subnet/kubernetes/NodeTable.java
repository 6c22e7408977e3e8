package io.jaconet.subnet.kubernetes;

import com.google.common.collect.ImmutableList;
import io.jaconet.internal.Printable;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnreadableRecord;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The nodes of a network, as last heard of each, and the leases that follow from them. That depends on the nodes alone, not on how often and
 * in which order they were told of; only what changes a lease is an event. Confined to the lock of its watch.
 */
final class NodeTable {
  private static final Comparator<Known> OLDEST_FIRST =
      Comparator.<Known>comparingLong(known -> known.created).thenComparing(known -> known.name);
  private static final Pattern NODE_NAME = Pattern.compile("[a-z0-9.-]{1,253}");

  private final AnnotationNames names;
  private final Map<String, Known> nodes = new HashMap<>();
  private final Map<Subnets, List<Known>> claims = new HashMap<>();

  /** The revisions at which nodes were deleted, for telling what is older than that. */
  private final Map<String, Long> deleted = new HashMap<>();

  /** Everything up to here is known. */
  private long floor = Long.MIN_VALUE;

  NodeTable(AnnotationNames names) {
    this.names = names;
  }

  /** A node that was heard of. */
  private static final class Known {
    final String name;
    final long created;
    final boolean takesPart;
    final String unreadable;
    final @Nullable Lease lease;
    long revision;
    boolean ready;

    /** What the watchers were told of it. */
    Shown shown = Shown.NOTHING;

    Known(Node node, AnnotationNames names) {
      this.name = node.name();
      this.created = node.created();
      this.revision = node.revision();
      this.ready = node.ready();
      this.takesPart = NodeLease.takesPart(node, names);
      Lease read = null;
      String reason = "";
      if (takesPart) {
        try {
          read = NodeLease.read(node, names);
        } catch (IllegalArgumentException e) {
          reason = String.valueOf(e.getMessage());
        }
      }
      this.lease = read;
      this.unreadable = reason;
    }

    boolean saysTheSameAs(Known other) {
      return created == other.created
          && takesPart == other.takesPart
          && unreadable.equals(other.unreadable)
          && (lease == null
              ? other.lease == null
              : other.lease != null && lease.sameContent(other.lease));
    }
  }

  /** What watchers see of a node: a lease, a record that is none, or nothing. */
  private record Shown(@Nullable Lease lease, @Nullable UnreadableRecord unreadable) {
    static final Shown NOTHING = new Shown(null, null);
  }

  /** Takes {@code listed} for all nodes that there are at {@code revision}, and returns what has changed by that. */
  ImmutableList<LeaseEvent> replaceAll(List<Node> listed, long revision) {
    var changes = new Changes();
    Set<String> gone = new HashSet<>(nodes.keySet());
    for (var node : listed) {
      gone.remove(node.name());
      put(node, changes);
    }
    gone.forEach(name -> remove(name, changes));
    deleted.clear();
    floor = revision;
    return changes.events();
  }

  /** Takes a new state of a node, unless something later is known. */
  ImmutableList<LeaseEvent> put(Node node) {
    var known = nodes.get(node.name());
    long last = known != null ? known.revision : deleted.getOrDefault(node.name(), floor);
    if (node.revision() <= Math.max(last, floor)) {
      return ImmutableList.of();
    }
    deleted.remove(node.name());
    var changes = new Changes();
    put(node, changes);
    return changes.events();
  }

  /** Removes a node that was deleted at the revision it now has, unless something later is known. */
  ImmutableList<LeaseEvent> delete(Node node) {
    var known = nodes.get(node.name());
    if (known != null && node.revision() < known.revision) {
      return ImmutableList.of();
    }
    if (node.revision() > floor) {
      deleted.merge(node.name(), node.revision(), Math::max);
    }
    var changes = new Changes();
    if (known != null) {
      remove(node.name(), changes);
    }
    return changes.events();
  }

  /** Notes that everything up to {@code revision} was told. */
  void passed(long revision) {
    floor = Math.max(floor, revision);
    deleted.values().removeIf(at -> at <= floor);
  }

  private void put(Node node, Changes changes) {
    var after = new Known(node, names);
    var before = nodes.get(after.name);
    if (before != null && before.saysTheSameAs(after)) {
      before.revision = after.revision;
      before.ready = after.ready;
      return;
    }
    if (before != null) {
      withdraw(before, changes);
      after.shown = before.shown;
      before.shown = Shown.NOTHING;
    }
    nodes.put(after.name, after);
    if (after.lease != null) {
      claims
          .computeIfAbsent(after.lease.subnets(), subnets -> new ArrayList<>(1))
          .add(after);
      changes.touch(after.lease.subnets());
    }
    changes.touch(after);
  }

  private void remove(String name, Changes changes) {
    var before = nodes.remove(name);
    if (before != null) {
      withdraw(before, changes);
      changes.touch(before);
    }
  }

  private void withdraw(Known known, Changes changes) {
    if (known.lease == null) {
      return;
    }
    var subnets = known.lease.subnets();
    var claimants = claims.get(subnets);
    if (claimants != null) {
      claimants.remove(known);
      if (claimants.isEmpty()) {
        claims.remove(subnets);
      }
    }
    changes.touch(subnets);
  }

  private Shown show(Known known) {
    if (nodes.get(known.name) != known || !known.takesPart) {
      return Shown.NOTHING;
    }
    if (known.lease == null) {
      return new Shown(null, unreadable(known, known.unreadable));
    }
    var first = claims.getOrDefault(known.lease.subnets(), List.of()).stream()
        .min(OLDEST_FIRST)
        .orElse(known);
    return first == known
        ? new Shown(known.lease, null)
        : new Shown(
            null,
            unreadable(
                known,
                "podCIDR " + known.lease.subnets() + " belongs to the older node "
                    + key(first.name)));
  }

  private static UnreadableRecord unreadable(Known known, String reason) {
    return new UnreadableRecord(key(known.name), null, reason);
  }

  private static String key(String name) {
    return NODE_NAME.matcher(name).matches() ? name : Printable.of(name);
  }

  /** Gathers what was touched, and tells in the end what has become different for watchers. */
  private final class Changes {
    private final Set<Known> touched = new HashSet<>();

    void touch(Known known) {
      touched.add(known);
    }

    void touch(Subnets subnets) {
      touched.addAll(claims.getOrDefault(subnets, List.of()));
    }

    /** Returns the ends before the beginnings: a subnet may have gone from one node to another. */
    ImmutableList<LeaseEvent> events() {
      var ends = ImmutableList.<LeaseEvent>builder();
      var beginnings = ImmutableList.<LeaseEvent>builder();
      for (var known : touched) {
        var before = known.shown;
        var after = show(known);
        known.shown = after;
        boolean sameLease = before.lease != null
            && after.lease != null
            && before.lease.subnets().equals(after.lease.subnets());
        if (before.lease != null && !sameLease) {
          ends.add(new LeaseEvent.Removed(before.lease.subnets()));
        }
        if (before.unreadable != null && after.unreadable == null) {
          ends.add(new LeaseEvent.Cleared(before.unreadable.key()));
        }
        if (after.lease != null && !after.lease.equals(before.lease)) {
          beginnings.add(new LeaseEvent.Put(after.lease));
        }
        if (after.unreadable != null && !Objects.equals(before.unreadable, after.unreadable)) {
          beginnings.add(new LeaseEvent.Unreadable(after.unreadable));
        }
      }
      return ends.addAll(beginnings.build()).build();
    }
  }

  ImmutableList<Lease> leases() {
    var leases = ImmutableList.<Lease>builderWithExpectedSize(nodes.size());
    for (var known : nodes.values()) {
      if (known.shown.lease != null) {
        leases.add(known.shown.lease);
      }
    }
    return leases.build();
  }

  ImmutableList<UnreadableRecord> unreadable() {
    var records = ImmutableList.<UnreadableRecord>builder();
    for (var known : nodes.values()) {
      if (known.shown.unreadable != null) {
        records.add(known.shown.unreadable);
      }
    }
    return records.build();
  }

  /** Returns another node than {@code name} that is well and publishes an address of {@code attributes}. */
  Optional<Lease> sharingPublicIp(String name, LeaseAttributes attributes) {
    for (var known : nodes.values()) {
      if (known.ready && known.lease != null && !known.name.equals(name)) {
        for (var family : IpFamily.values()) {
          Optional<IpAddress> ours = attributes.publicIp(family);
          if (ours.isPresent() && ours.equals(known.lease.attributes().publicIp(family))) {
            return Optional.of(known.lease);
          }
        }
      }
    }
    return Optional.empty();
  }
}
