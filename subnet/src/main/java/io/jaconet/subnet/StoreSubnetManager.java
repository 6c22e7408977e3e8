package io.jaconet.subnet;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import io.jaconet.event.Backoff;
import io.jaconet.internal.DaemonThreads;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.PublicIpInUseException;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.LeaseStore.ConflictException;
import io.jaconet.spi.LeaseStore.Entry;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Leases over a {@link LeaseStore}, by flannel's rules with compare-and-set in every place where flannel writes blindly. Holds no state that
 * matters: what counts is in the store, and any number of managers may share one.
 */
public final class StoreSubnetManager implements SubnetManager {
  /** How often a lost race is run again, as flannel documents. */
  private static final int ATTEMPTS = 10;

  private static final Duration FIRST_PAUSE = Duration.ofMillis(2);
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(100);

  private final LeaseStore store;
  private final Duration leaseTtl;
  private final RandomGenerator random;
  private final @Nullable Executor givenExecutor;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Set<LeaseWatch> watches = ConcurrentHashMap.newKeySet();

  /** What this manager wrote last, by key: saves a list when it renews. */
  private final Map<String, Entry> written = new ConcurrentHashMap<>();

  private final ThreadPoolExecutor threads = new ThreadPoolExecutor(
      0,
      Integer.MAX_VALUE,
      5,
      TimeUnit.SECONDS,
      new SynchronousQueue<>(),
      new DaemonThreads("jaconet-lease-watch"));

  private StoreSubnetManager(Builder builder) {
    this.store = builder.store;
    this.leaseTtl = builder.leaseTtl;
    this.random = builder.random;
    this.givenExecutor = builder.executor;
  }

  /** Returns a manager over {@code store} with leases of 24 hours. The store stays the caller's, who closes it. */
  public static StoreSubnetManager over(LeaseStore store) {
    return builder(store).build();
  }

  /** Returns a builder of a manager over {@code store}, which stays the caller's. */
  public static Builder builder(LeaseStore store) {
    return new Builder(store);
  }

  @Override
  public LeaseGrant acquire(LeaseRequest request) throws IOException {
    checkOpen();
    var own = ownRandom();
    var backoff = new Backoff(FIRST_PAUSE, LONGEST_PAUSE, own);
    for (int attempt = 1; ; attempt++) {
      try {
        return tryAcquire(request, own);
      } catch (ConflictException lostRace) {
        if (attempt == ATTEMPTS) {
          throw new IOException(
              "lost " + ATTEMPTS + " races for a subnet in a row, the last because "
                  + lostRace.getMessage(),
              lostRace);
        }
        pause(backoff.next());
      }
    }
  }

  private LeaseGrant tryAcquire(LeaseRequest request, RandomGenerator own) throws IOException {
    var records = list();
    var mine = ownRecords(request, records);
    var others = records.stream().filter(record -> !mine.contains(record)).toList();
    refuseSharedPublicIp(request, others);

    var kept = mine.stream().filter(record -> fits(request, record)).findFirst();
    for (var record : mine) {
      if (kept.isEmpty() || !record.equals(kept.get())) {
        store.delete(record.entry());
      }
    }
    if (kept.isPresent()) {
      return replace(kept.get().entry(), request.attributes(), request.nodeId());
    }

    return create(
        new FreeSubnets(request.config(), others).choose(request.previous(), own), request);
  }

  /**
   * Returns the records of the node: those it wrote under its id. Where there are none, those that flanneld wrote for its public IP, which
   * is how flannel knows a host.
   */
  private static List<LeaseRecord> ownRecords(LeaseRequest request, List<LeaseRecord> records) {
    var byId = records.stream()
        .filter(
            record -> request.nodeId().equals(record.entry().holder()) && record.subnets() != null)
        .toList();
    if (!byId.isEmpty()) {
      return byId;
    }
    var family = request.config().families().contains(IpFamily.V4) ? IpFamily.V4 : IpFamily.V6;
    return records.stream()
        .filter(
            record -> record.entry().holder() == null && sharesPublicIp(request, record, family))
        .toList();
  }

  private static void refuseSharedPublicIp(LeaseRequest request, List<LeaseRecord> others)
      throws IOException {
    for (var record : others) {
      for (var family : request.config().families()) {
        if (sharesPublicIp(request, record, family)) {
          throw new PublicIpInUseException(
              "the public IP "
                  + publicIp(request.attributes(), family)
                      .map(IpAddress::toString)
                      .orElse("") + " belongs to " + record.writer()
                  + ", which holds " + record.subnets() + remaining(record.entry())
                  + "; choose another interface or public IP here or there, or delete that lease if the host is gone");
        }
      }
    }
  }

  private static String remaining(Entry entry) {
    return entry.timeToLive() == null
        ? " for ever"
        : " for another " + entry.timeToLive().toSeconds() + " s";
  }

  private static boolean sharesPublicIp(LeaseRequest request, LeaseRecord record, IpFamily family) {
    var ours = publicIp(request.attributes(), family);
    return ours.isPresent()
        && record.lease() != null
        && ours.equals(publicIp(record.lease().attributes(), family));
  }

  private static Optional<IpAddress> publicIp(LeaseAttributes attributes, IpFamily family) {
    return attributes.publicIp(family).filter(address -> !address.isUnspecified());
  }

  private static boolean fits(LeaseRequest request, LeaseRecord record) {
    return record.subnets() != null && FreeSubnets.fit(request.config(), record.subnets());
  }

  private LeaseGrant create(Subnets subnets, LeaseRequest request) throws IOException {
    var value = request.attributes().toJson();
    Entry entry;
    try {
      entry = store.create(subnets, value, request.nodeId(), leaseTtl);
    } catch (ConflictException lostRace) {
      throw lostRace;
    } catch (IOException unknown) {
      var found = findWritten(subnets.key(), 0, value, request.nodeId(), unknown);
      // As in replace: it may be that of an earlier attempt.
      entry = store.update(found, value, request.nodeId(), leaseTtl);
    }
    return grant(subnets, request.attributes(), entry, leaseTtl);
  }

  /** Writes over {@code expected}, a record of the node. One without an end keeps having none. */
  private LeaseGrant replace(Entry expected, LeaseAttributes attributes, String nodeId)
      throws IOException {
    var value = attributes.toJson();
    var timeToLive = expected.timeToLive() == null ? null : leaseTtl;
    Entry entry;
    try {
      entry = store.update(expected, value, nodeId, timeToLive);
    } catch (ConflictException lostRace) {
      throw lostRace;
    } catch (IOException unknown) {
      var found = findWritten(expected.key(), expected.revision(), value, nodeId, unknown);
      // An earlier attempt, whose answer was lost too, may have written it: its time runs since
      // then.
      entry = store.update(found, value, nodeId, timeToLive);
    }
    return grant(Subnets.parseKey(expected.key()), attributes, entry, timeToLive);
  }

  /** Returns the record that a write of unknown outcome made after {@code revision}, or throws {@code unknown}. */
  private Entry findWritten(
      String key, long revision, String value, String nodeId, IOException unknown)
      throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      throw unknown;
    }
    try {
      for (var entry : store.list().entries()) {
        if (entry.key().equals(key)
            && entry.revision() > revision
            && entry.value().equals(value)
            && nodeId.equals(entry.holder())) {
          return entry;
        }
      }
    } catch (IOException e) {
      // A store may throw the same exception for all calls while it is away.
      if (e != unknown) {
        unknown.addSuppressed(e);
      }
    }
    throw unknown;
  }

  private LeaseGrant grant(
      Subnets subnets, LeaseAttributes attributes, Entry entry, @Nullable Duration timeToLive) {
    written.put(entry.key(), entry);
    return new LeaseGrant(
        new Lease(subnets, attributes, entry.holder(), entry.created(), entry.revision()),
        timeToLive);
  }

  @Override
  public LeaseGrant renew(Lease lease, LeaseAttributes attributes) throws IOException {
    checkOpen();
    var nodeId = nodeId(lease);
    var expected = lastWritten(lease);
    for (int attempt = 1; ; attempt++) {
      try {
        return replace(expected, attributes, nodeId);
      } catch (ConflictException overtaken) {
        if (attempt == ATTEMPTS) {
          throw new IOException(
              "the record of " + lease.subnets() + " keeps changing: " + overtaken.getMessage(),
              overtaken);
        }
        expected = currentRecord(lease, attributes);
      }
    }
  }

  @Override
  public void release(Lease lease) throws IOException {
    checkOpen();
    try {
      var expected = lastWritten(lease);
      for (int attempt = 1; expected.timeToLive() != null; attempt++) {
        try {
          store.delete(expected);
          break;
        } catch (ConflictException overtaken) {
          if (attempt == ATTEMPTS) {
            throw overtaken;
          }
          expected = currentRecord(lease, lease.attributes());
        }
      }
    } catch (LeaseLostException gone) {
      // What is not the node's any more need not be given back.
    }
    written.remove(lease.subnets().key());
  }

  @Override
  public void discard(Lease stray) throws IOException {
    checkOpen();
    for (var entry : store.list().entries()) {
      if (entry.key().equals(stray.subnets().key())
          && entry.revision() == stray.revision()
          && entry.timeToLive() != null) {
        try {
          store.delete(entry);
        } catch (ConflictException writtenAgain) {
          // Whoever did so is heard of by the watch.
        }
      }
    }
  }

  private Entry lastWritten(Lease lease) throws IOException {
    var entry = written.get(lease.subnets().key());
    return entry != null && entry.revision() == lease.revision()
        ? entry
        : currentRecord(lease, lease.attributes());
  }

  /**
   * Returns the record of {@code lease} if it is still the node's: written by the node itself, perhaps by a renewal with {@code wanted} whose
   * answer was lost, or by a hand that changed nothing but the time to live, which is how flannel's reservations are made. What says
   * something else was written by another process with the same node id, or by another node.
   */
  private Entry currentRecord(Lease lease, LeaseAttributes wanted) throws IOException {
    var nodeId = nodeId(lease);
    for (var record : list()) {
      var entry = record.entry();
      if (entry.key().equals(lease.subnets().key())) {
        boolean sameContent = record.lease() != null
            && (record.lease().attributes().equals(lease.attributes())
                || record.lease().attributes().equals(wanted));
        if (sameContent && (entry.holder() == null || nodeId.equals(entry.holder()))) {
          return entry;
        }
        written.remove(entry.key());
        throw new LeaseLostException("the lease of " + lease.subnets() + " was taken over by "
            + (nodeId.equals(entry.holder())
                ? "another process with our node id " + nodeId
                : record.writer())
            + " at revision " + entry.revision());
      }
    }
    written.remove(lease.subnets().key());
    throw new LeaseLostException(
        "the lease of " + lease.subnets() + " is gone: it ran out or was deleted");
  }

  private static String nodeId(Lease lease) {
    checkArgument(
        lease.holder() != null, "not a lease of one's own, it has no holder: %s", lease.subnets());
    return lease.holder();
  }

  @Override
  public Watch watch(Watcher watcher) throws IOException {
    checkOpen();
    var watch = new LeaseWatch(
        store, watcher, givenExecutor == null ? threads : givenExecutor, watches::remove);
    watches.add(watch);
    watch.start();
    return watch;
  }

  /** Ends all watches; unless called by a watcher, waits for calls of watchers that are under way. */
  @Override
  public void close() {
    closed.countDown();
    boolean calledByWatcher = watches.stream().anyMatch(LeaseWatch::isCalledByThisThread);
    for (var watch : watches) {
      if (calledByWatcher) {
        watch.stop();
      } else {
        watch.close();
      }
    }
    threads.shutdown();
  }

  private List<LeaseRecord> list() throws IOException {
    return store.list().entries().stream().map(LeaseRecord::of).toList();
  }

  private void checkOpen() throws IOException {
    if (closed.getCount() == 0) {
      throw new IOException("the subnet manager is closed");
    }
  }

  private RandomGenerator ownRandom() {
    synchronized (random) {
      return new SplittableRandom(random.nextLong());
    }
  }

  private void pause(Duration duration) throws IOException {
    try {
      closed.await(duration.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting to try for a subnet again");
    }
    checkOpen();
  }

  /** Builds a {@link StoreSubnetManager}. */
  public static final class Builder {
    private final LeaseStore store;
    private Duration leaseTtl = Duration.ofHours(24);
    private RandomGenerator random = new SplittableRandom();
    private @Nullable Executor executor;

    private Builder(LeaseStore store) {
      this.store = requireNonNull(store);
    }

    /** Sets how long a lease lasts unless renewed; 24 hours unless set, as flannel's. */
    public Builder leaseTtl(Duration leaseTtl) {
      checkArgument(
          leaseTtl.compareTo(Duration.ZERO) > 0,
          "the time to live of a lease is not positive: %s",
          leaseTtl);
      this.leaseTtl = leaseTtl;
      return this;
    }

    /** Sets what subnets are chosen with; a seed makes the choice repeatable. */
    public Builder random(RandomGenerator random) {
      this.random = requireNonNull(random);
      return this;
    }

    /** Sets what lists the store when a watch begins; daemon threads of the manager unless set. A simulation gives its event loop. */
    public Builder executor(Executor executor) {
      this.executor = requireNonNull(executor);
      return this;
    }

    /** Returns the manager. */
    public StoreSubnetManager build() {
      return new StoreSubnetManager(this);
    }
  }
}
