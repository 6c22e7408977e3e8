package io.jaconet.testkit;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Leases of one IPv4 network without a store, under the hand of a test: other nodes' leases come, change and go when it says so, the own
 * lease is lost when it says so, and calls fail when it says so. Watchers are told at once, on the calling thread. Leases do not end by
 * themselves.
 *
 * <p>Confined to one thread, which with a {@link io.jaconet.event.ManualEventLoop} is the test's own.
 */
public final class FakeSubnetManager implements SubnetManager {
  private final Map<Subnets, Lease> leases = new LinkedHashMap<>();
  private final Map<String, UnreadableRecord> unreadable = new LinkedHashMap<>();
  private final List<Watcher> watchers = new ArrayList<>();
  private final @Nullable Duration timeToLive;
  private @Nullable IOException failure;
  private boolean silent;
  private long revision;
  private int calls;

  /** Creates a manager whose leases live for {@code timeToLive}, without end if that is null. */
  public FakeSubnetManager(@Nullable Duration timeToLive) {
    this.timeToLive = timeToLive;
  }

  @Override
  public LeaseGrant acquire(LeaseRequest request) throws IOException {
    failIfTold();
    for (Lease held : leases.values()) {
      if (request.nodeId().equals(held.holder())) {
        return grant(held.subnets(), request.attributes(), request.nodeId());
      }
    }
    var previous = request.previous();
    if (previous != null && !leases.containsKey(previous)) {
      return grant(previous, request.attributes(), request.nodeId());
    }
    var last = IpPrefix.parse("10.244.255.0/24");
    for (var subnet = IpPrefix.parse("10.244.1.0/24");
        subnet.compareTo(last) <= 0;
        subnet = subnet.next()) {
      if (!leases.containsKey(Subnets.of(subnet))) {
        return grant(Subnets.of(subnet), request.attributes(), request.nodeId());
      }
    }
    throw new NoFreeSubnetException(
        "all subnets of " + request.config().networks().get(IpFamily.V4) + " are leased");
  }

  @Override
  public LeaseGrant renew(Lease lease, LeaseAttributes attributes) throws IOException {
    failIfTold();
    var current = leases.get(lease.subnets());
    if (current == null || current.revision() != lease.revision()) {
      throw new LeaseLostException(lease.subnets().key()
          + (current == null ? " is gone" : " was written by " + current.holder()));
    }
    return grant(lease.subnets(), attributes, String.valueOf(lease.holder()));
  }

  private LeaseGrant grant(Subnets subnets, LeaseAttributes attributes, String holder) {
    return new LeaseGrant(put(subnets, attributes, holder), timeToLive);
  }

  @Override
  public void release(Lease lease) throws IOException {
    failIfTold();
    var current = leases.get(lease.subnets());
    if (current != null && current.revision() == lease.revision()) {
      remove(lease.subnets());
    }
  }

  @Override
  public void discard(Lease stray) throws IOException {
    release(stray);
  }

  @Override
  public Watch watch(Watcher watcher) throws IOException {
    failIfTold();
    watchers.add(watcher);
    watcher.onSnapshot(
        ImmutableList.copyOf(leases.values()), ImmutableList.copyOf(unreadable.values()));
    return () -> watchers.remove(watcher);
  }

  private void failIfTold() throws IOException {
    calls++;
    if (failure != null) {
      throw new IOException(failure.getMessage(), failure);
    }
  }

  /** Writes a lease as a node would. */
  public Lease put(Subnets subnets, LeaseAttributes attributes, String holder) {
    revision++;
    var known = leases.get(subnets);
    var lease = new Lease(
        subnets, attributes, holder, known == null ? revision : known.created(), revision);
    leases.put(subnets, lease);
    unreadable.remove(subnets.key());
    tell(new LeaseEvent.Put(lease));
    return lease;
  }

  /** Removes a lease, as when it ran out. */
  public void remove(Subnets subnets) {
    revision++;
    leases.remove(subnets);
    unreadable.remove(subnets.key());
    tell(new LeaseEvent.Removed(subnets));
  }

  /** Writes a record that cannot be read. */
  public void putUnreadable(UnreadableRecord record) {
    revision++;
    unreadable.put(record.key(), record);
    if (record.subnets() != null) {
      leases.remove(record.subnets());
    }
    tell(new LeaseEvent.Unreadable(record));
  }

  private void tell(LeaseEvent event) {
    if (!silent) {
      List.copyOf(watchers).forEach(watcher -> watcher.onEvents(ImmutableList.of(event)));
    }
  }

  /** Makes every call fail from now on, or succeed again if {@code cause} is null. Watches that run stay. */
  public void fail(@Nullable IOException cause) {
    failure = cause;
  }

  /** Ends all watches, silenced ones too, with {@code cause}. */
  public void cutWatches(IOException cause) {
    var cut = List.copyOf(watchers);
    watchers.clear();
    silent = false;
    cut.forEach(watcher -> watcher.onFailure(cause));
  }

  /** Tells no watch of what is written from now on until the watches are cut, as on a connection that is dead without anyone knowing. */
  public void silenceWatches() {
    silent = true;
  }

  /** Returns the lease of {@code subnets}, if there is one. */
  public Optional<Lease> lease(Subnets subnets) {
    return Optional.ofNullable(leases.get(subnets));
  }

  /** Returns how often acquire, renew, release, discard and watch were called. */
  public int calls() {
    return calls;
  }

  @Override
  public void close() {
    watchers.clear();
  }
}
