package io.jaconet.testkit;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.Underlay;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import java.io.Closeable;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A data path that moves no packets and remembers what it was asked for. Its type is {@code fake}; a peer's backend data is taken as
 * something that no other peer may have. It can be made to fail, and its peers can be damaged, as a kernel's entries are by others.
 *
 * <p>Confined to the thread of the network's event loop, which in tests is the test's own.
 */
public final class FakeBackend implements Backend {
  /** The type of the backend. */
  public static final String TYPE = "fake";

  private final Map<Subnets, Lease> peers = new HashMap<>();
  private final Map<Subnets, Lease> wanted = new LinkedHashMap<>();
  private final Set<Subnets> damaged = new HashSet<>();
  private final Set<Subnets> refused = new HashSet<>();
  private final Set<Subnets> left = new HashSet<>();
  private IpAddress publicIp;
  private boolean moved;
  private @Nullable Runnable due;
  private @Nullable IOException failure;
  private @Nullable Error error;
  private @Nullable Lease own;
  private boolean suspended;
  private @Nullable CloseMode closed;
  private int writes;

  /** Creates the backend of a host that is reached at {@code publicIp}. */
  public FakeBackend(IpAddress publicIp) {
    this.publicIp = publicIp;
  }

  /** Returns a provider of this one backend. */
  public BackendProvider provider() {
    return new BackendProvider() {
      @Override
      public String type() {
        return TYPE;
      }

      @Override
      public Backend create(Context context) {
        return FakeBackend.this;
      }
    };
  }

  @Override
  public Preparation prepare() throws IOException {
    if (error != null) {
      throw error;
    }
    failIfTold();
    moved = false;
    var ips = ImmutableMap.of(publicIp.family(), publicIp);
    var underlay =
        new Underlay("eth0", 2, 1500, ips, ips, ImmutableList.of(new IpPrefix(publicIp, 24)));
    return new Preparation(
        underlay,
        LeaseAttributes.of(TYPE, ips, ImmutableMap.of(IpFamily.V4, "\"" + publicIp + "\"")),
        1450,
        ImmutableSet.of(8472));
  }

  @Override
  public void open(Lease lease) throws IOException {
    failIfTold();
    own = lease;
    suspended = false;
  }

  @Override
  public Status status() {
    return new Status(ImmutableMap.of("dataPath", TYPE), ImmutableMap.of());
  }

  @Override
  public ImmutableSet<?> claims(Lease peer) {
    var data = peer.attributes().backendData(IpFamily.V4);
    checkArgument(data.isPresent(), "no backend data");
    return ImmutableSet.of(data.get());
  }

  @Override
  public Report apply(ImmutableList<PeerChange> changes) throws IOException {
    failIfTold();
    checkState(own != null && !suspended, "not open");
    Map<Subnets, String> pending = new HashMap<>();
    int before = writes;
    for (PeerChange change : changes) {
      var after = change.after();
      if (after == null) {
        wanted.remove(change.subnets());
      } else {
        wanted.put(change.subnets(), after);
      }
      put(change.subnets(), after, pending);
    }
    return new Report(ImmutableMap.copyOf(pending), writes - before);
  }

  @Override
  public Report audit(ImmutableList<Lease> all) throws IOException {
    wanted.clear();
    all.forEach(peer -> wanted.put(peer.subnets(), peer));
    return repair();
  }

  @Override
  public Report repair() throws IOException {
    failIfTold();
    checkState(own != null && !suspended, "not open");
    Map<Subnets, String> pending = new HashMap<>();
    int before = writes;
    Set<Subnets> extra = new HashSet<>(peers.keySet());
    for (Lease peer : wanted.values()) {
      extra.remove(peer.subnets());
      put(peer.subnets(), peer, pending);
    }
    extra.forEach(subnets -> put(subnets, null, pending));
    var repairs = ImmutableList.<Repair>builder();
    for (Subnets mended : Set.copyOf(damaged)) {
      if (peers.containsKey(mended)) {
        damaged.remove(mended);
        repairs.add(new Repair("peer " + mended, "reachable", ""));
      }
    }
    return new Report(
        ImmutableMap.copyOf(pending),
        null,
        writes - before,
        repairs.build(),
        pending.keySet().stream().anyMatch(refused::contains),
        moved);
  }

  @Override
  public Closeable watch(Runnable due) {
    this.due = due;
    return () -> this.due = null;
  }

  private void put(Subnets subnets, @Nullable Lease wanted, Map<Subnets, String> pending) {
    var found = peers.get(subnets);
    if (wanted == null ? found == null : found != null && found.sameContent(wanted)) {
      return;
    }
    if (refused.contains(subnets)) {
      pending.put(subnets, "refused");
    } else if (left.contains(subnets)) {
      pending.put(subnets, "left alone");
    } else if (wanted == null) {
      peers.remove(subnets);
      writes++;
    } else {
      peers.put(subnets, wanted);
      writes++;
    }
  }

  @Override
  public void suspend() throws IOException {
    failIfTold();
    peers.clear();
    suspended = true;
  }

  @Override
  public void close(CloseMode mode) throws IOException {
    closed = mode;
    if (mode != CloseMode.KEEP) {
      peers.clear();
    }
    failIfTold();
  }

  private void failIfTold() throws IOException {
    if (failure != null) {
      throw new IOException(failure);
    }
  }

  /** Makes every call fail from now on, or succeed again if {@code cause} is null. */
  public void fail(@Nullable IOException cause) {
    failure = cause;
  }

  /** Makes {@link #prepare} end with {@code cause} from now on, as when a native library is missing. */
  public void failToLoad(Error cause) {
    error = cause;
  }

  /** Refuses what is asked for the peer of {@code subnets} from now on. */
  public void refuse(Subnets subnets) {
    refused.add(subnets);
  }

  /** Leaves the peer of {@code subnets} as it is from now on, as what was mended too often. */
  public void leave(Subnets subnets) {
    left.add(subnets);
  }

  /** Ends {@link #refuse} and {@link #leave}. */
  public void accept(Subnets subnets) {
    refused.remove(subnets);
    left.remove(subnets);
  }

  /** Forgets a peer, as when somebody deletes its route and nobody says so. */
  public void damage(Subnets subnets) {
    peers.remove(subnets);
    damaged.add(subnets);
  }

  /** Says that something changed that concerns the network, as a kernel does. */
  public void announce() {
    if (due != null) {
      due.run();
    }
  }

  /** Gives the underlay another address, and announces it. */
  public void moveTo(IpAddress another) {
    publicIp = another;
    moved = true;
    announce();
  }

  /** Returns the peers that packets would reach now. */
  public ImmutableMap<Subnets, Lease> peers() {
    return ImmutableMap.copyOf(peers);
  }

  /** Returns the own lease that it was last opened with. */
  public Optional<Lease> own() {
    return Optional.ofNullable(own);
  }

  /** Returns whether traffic flows: it is open, and neither suspended nor closed. */
  public boolean carriesTraffic() {
    return own != null && !suspended && (closed == null || closed == CloseMode.KEEP);
  }

  /** Returns how many peers were written or removed. */
  public int writes() {
    return writes;
  }
}
