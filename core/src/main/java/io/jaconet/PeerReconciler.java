package io.jaconet;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.event.EventLoop;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAdmission;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.Backend;
import io.jaconet.spi.Backend.PeerChange;
import io.jaconet.spi.Backend.Report;
import java.io.IOException;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Turns what the store says into what the backend is asked for. Which leases become peers is a function of the leases alone, not of the
 * order in which they came: a lease is admitted if it passes {@link LeaseAdmission}, the backend can reach it, and nothing it claims is
 * claimed by an older one.
 *
 * <p>Everything is written on the network's event loop; the accessors at the end may be called from any thread.
 */
final class PeerReconciler {
  private final EventLoop loop;
  private final Backend backend;
  private final Listener listener;
  private final Map<Subnets, Candidate> candidates = new HashMap<>();
  private final Claims claims = new Claims();
  private final Map<Subnets, Lease> peers = new ConcurrentHashMap<>();
  private final Map<String, Quarantined> quarantine = new ConcurrentHashMap<>();
  private final Set<Subnets> dirty = new LinkedHashSet<>();
  private LeaseAdmission admission;
  private volatile ImmutableMap<Subnets, String> pending = ImmutableMap.of();

  PeerReconciler(EventLoop loop, Backend backend, LeaseAdmission admission, Listener listener) {
    this.loop = loop;
    this.backend = backend;
    this.admission = admission;
    this.listener = listener;
  }

  /** Takes the whole truth in place of all that was known. */
  void snapshot(ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
    checkState(loop.inEventLoop());
    forgetQuarantineExcept(leases, unreadable);
    Set<Subnets> gone = new HashSet<>(candidates.keySet());
    for (Lease lease : leases) {
      gone.remove(lease.subnets());
      put(lease);
    }
    gone.forEach(this::remove);
    unreadable.forEach(this::unreadable);
  }

  private void forgetQuarantineExcept(
      ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
    if (quarantine.isEmpty()) {
      return;
    }
    Set<String> keys = new HashSet<>();
    leases.forEach(lease -> keys.add(lease.subnets().key()));
    unreadable.forEach(record -> keys.add(record.key()));
    quarantine.keySet().retainAll(keys);
  }

  /** Takes changes to what is known. */
  void events(ImmutableList<LeaseEvent> events) {
    checkState(loop.inEventLoop());
    for (LeaseEvent event : events) {
      if (event instanceof LeaseEvent.Put put) {
        put(put.lease());
      } else if (event instanceof LeaseEvent.Removed removed) {
        remove(removed.subnets());
        quarantine.remove(removed.subnets().key());
      } else if (event instanceof LeaseEvent.Unreadable bad) {
        unreadable(bad.record());
      } else if (event instanceof LeaseEvent.Cleared cleared) {
        quarantine.remove(cleared.key());
      }
    }
  }

  /** Judges every lease anew, after the own lease or the underlay changed. */
  void readmit(LeaseAdmission changed) {
    checkState(loop.inEventLoop());
    admission = changed;
    for (Candidate candidate : ImmutableList.copyOf(candidates.values())) {
      replace(candidate, candidate.lease);
    }
  }

  private void put(Lease lease) {
    var known = candidates.get(lease.subnets());
    if (known != null
        && known.claimant.created() == lease.created()
        && known.lease.sameContent(lease)) {
      known.lease = lease;
    } else {
      replace(known, lease);
    }
  }

  private void replace(@Nullable Candidate known, Lease lease) {
    withdrawClaims(known);
    var candidate = examine(lease);
    candidates.put(lease.subnets(), candidate);
    for (Object claim : candidate.claims) {
      claims.add(claim, lease, other -> dirty.add(other.subnets()));
    }
    dirty.add(lease.subnets());
  }

  private void remove(Subnets subnets) {
    var known = candidates.remove(subnets);
    if (known != null) {
      withdrawClaims(known);
      dirty.add(subnets);
    }
  }

  private void unreadable(UnreadableRecord record) {
    var subnets = record.subnets();
    if (subnets != null) {
      remove(subnets);
    }
    quarantine(record.key(), null, record.reason());
  }

  private void withdrawClaims(@Nullable Candidate candidate) {
    if (candidate == null) {
      return;
    }
    for (Object claim : candidate.claims) {
      claims.remove(claim, candidate.claimant, other -> dirty.add(other.subnets()));
    }
  }

  private Candidate examine(Lease lease) {
    Optional<String> refusal = admission.refuse(lease);
    if (refusal.isPresent()) {
      return new Candidate(lease, ImmutableSet.of(), refusal.get());
    }
    try {
      ImmutableSet<?> ofBackend = backend.claims(lease);
      var claims = ImmutableSet.builderWithExpectedSize(ofBackend.size() + 2);
      claims.addAll(lease.subnets().prefixes()).addAll(ofBackend);
      return new Candidate(lease, claims.build(), null);
    } catch (IllegalArgumentException e) {
      return new Candidate(lease, ImmutableSet.of(), String.valueOf(e.getMessage()));
    }
  }

  /**
   * Hands the backend what has changed since the last call; empty if nothing has.
   *
   * @throws IOException if nothing could be done; the next {@link #audit} makes up for it
   */
  Optional<Report> flush() throws IOException {
    checkState(loop.inEventLoop());
    ImmutableList<PeerChange> changes = decide();
    if (changes.isEmpty()) {
      return Optional.empty();
    }
    var report = backend.apply(changes);
    var stillPending = new HashMap<>(pending);
    // One that is pending was written in part: only an audit can tell that all of it stands.
    changes.stream()
        .filter(change -> change.after() == null)
        .forEach(change -> stillPending.remove(change.subnets()));
    stillPending.putAll(report.pending());
    pending = ImmutableMap.copyOf(stillPending);
    listener.applied(changes);
    return Optional.of(report);
  }

  /** Has the backend compare everything. What the last {@link #flush} left over is part of it. */
  Report audit() throws IOException {
    checkState(loop.inEventLoop());
    ImmutableList<PeerChange> changes = decide();
    var report = backend.audit(ImmutableList.copyOf(peers.values()));
    pending = report.pending();
    listener.applied(changes);
    return report;
  }

  /** Has the backend mend what it heard of. */
  Report repair() throws IOException {
    checkState(loop.inEventLoop());
    var report = backend.repair();
    pending = report.pending();
    return report;
  }

  private ImmutableList<PeerChange> decide() {
    var changes = ImmutableList.<PeerChange>builderWithExpectedSize(dirty.size());
    for (Subnets subnets : dirty) {
      var before = peers.get(subnets);
      var after = admitted(subnets);
      if (after == null) {
        peers.remove(subnets);
      } else {
        peers.put(subnets, after);
      }
      if (before == null ? after != null : after == null || !before.sameContent(after)) {
        changes.add(new PeerChange(before, after));
      }
    }
    dirty.clear();
    return changes.build();
  }

  private @Nullable Lease admitted(Subnets subnets) {
    var candidate = candidates.get(subnets);
    if (candidate == null) {
      return null;
    }
    String refusal = candidate.refusal != null ? candidate.refusal : olderClaim(candidate);
    if (refusal != null) {
      quarantine(subnets.key(), candidate.lease.holder(), refusal);
      return null;
    }
    if (!quarantine.isEmpty()) {
      quarantine.remove(subnets.key());
    }
    return candidate.lease;
  }

  private @Nullable String olderClaim(Candidate candidate) {
    for (Object claim : candidate.claims) {
      Lease first = claims.oldest(claim);
      if (!first.subnets().equals(candidate.lease.subnets())) {
        String holder = first.holder() == null ? "" : " of " + first.holder();
        return claim + " belongs to the older lease " + first.subnets().key() + holder;
      }
    }
    return null;
  }

  private void quarantine(String key, @Nullable String holder, String reason) {
    var known = quarantine.get(key);
    if (known == null || !known.reason().equals(reason)) {
      var record = new Quarantined(key, holder, reason, loop.now());
      quarantine.put(key, record);
      listener.quarantined(record);
    }
  }

  ImmutableList<Lease> peers() {
    return ImmutableList.sortedCopyOf(Comparator.comparing(Lease::subnets), peers.values());
  }

  /** Returns the underlay addresses of all peers. */
  ImmutableSet<IpAddress> publicIps() {
    var addresses = ImmutableSet.<IpAddress>builderWithExpectedSize(peers.size());
    for (Lease peer : peers.values()) {
      for (IpFamily family : IpFamily.values()) {
        peer.attributes().publicIp(family).ifPresent(addresses::add);
      }
    }
    return addresses.build();
  }

  int peerCount() {
    return peers.size();
  }

  ImmutableMap<Subnets, String> pending() {
    return pending;
  }

  ImmutableList<Quarantined> quarantine() {
    return ImmutableList.sortedCopyOf(Comparator.comparing(Quarantined::key), quarantine.values());
  }

  int quarantineCount() {
    return quarantine.size();
  }

  /** Is told what came of it, on the loop. */
  interface Listener {

    void applied(ImmutableList<PeerChange> changes);

    void quarantined(Quarantined record);
  }

  /** A readable lease and what was found when it was looked at. */
  private static final class Candidate {
    /** The lease as it stands under its claims; a later revision of the same content does not move it. */
    final Lease claimant;

    final ImmutableSet<?> claims;
    final @Nullable String refusal;
    Lease lease;

    Candidate(Lease lease, ImmutableSet<?> claims, @Nullable String refusal) {
      this.claimant = lease;
      this.lease = lease;
      this.claims = claims;
      this.refusal = refusal;
    }
  }
}
