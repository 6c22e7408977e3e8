package io.jaconet.vxlan;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.base.Joiner;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.linux.HostNetwork;
import io.jaconet.linux.KernelRoute;
import io.jaconet.linux.Mending;
import io.jaconet.linux.NetlinkEvent;
import io.jaconet.linux.PeerTable;
import io.jaconet.linux.RepairBudget;
import io.jaconet.linux.RtNetlink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.Underlay;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reaches peers through a kernel VXLAN device per family. What the kernel must know of a peer is computed by {@link RemoteVtep}; a
 * {@link PeerTable} per family brings it there.
 */
final class VxlanBackend implements Backend {
  private static final Logger log = LoggerFactory.getLogger(VxlanBackend.class);

  private final BackendProvider.Context context;
  private final VxlanOptions options;
  private final RepairBudget budget = new RepairBudget();

  /** Also read by the thread of the watch. */
  private final List<Half> halves = new CopyOnWriteArrayList<>();

  private @Nullable HostNetwork host;
  private @Nullable Lease own;
  private boolean warnedOfForwarding;

  VxlanBackend(BackendProvider.Context context, VxlanOptions options) {
    this.context = context;
    this.options = options;
  }

  @Override
  public Preparation prepare() throws IOException {
    var entered = host;
    if (entered == null) {
      entered = HostNetwork.enter(context, options.deviceName(IpFamily.V4));
      host = entered;
    }
    var selected = entered.selectUnderlay();
    try {
      return prepare(selected);
    } catch (IOException | RuntimeException e) {
      entered.refuseUnderlay();
      throw e;
    }
  }

  private Preparation prepare(Underlay selected) throws IOException {
    var mending = Mending.ofNew();
    var data = ImmutableMap.<IpFamily, String>builder();
    int overlayMtu = Integer.MAX_VALUE;
    for (IpPrefix network : context.config().networks().values()) {
      var half = half(network, selected);
      half.ensure(mending);
      data.put(network.family(), new VtepData(options.vni(), half.device.mac()).toJson());
      overlayMtu = Math.min(overlayMtu, half.device.actualMtu());
    }
    var attributes = LeaseAttributes.of("vxlan", selected.publicIps(), data.build());
    return new Preparation(
        selected, attributes, overlayMtu, ImmutableSet.of(options.effectivePort()));
  }

  /** Returns the half of a family, on the underlay that is selected now. */
  private Half half(IpPrefix network, Underlay selected) throws IOException {
    for (Half half : halves) {
      if (half.device.family() == network.family()) {
        half.device.follow(options, selected);
        return half;
      }
    }
    var device = VxlanDevice.of(
        netlink(), prepared(host).namespace(), network, options, selected, context.nodeId());
    var half = new Half(device);
    halves.add(half);
    return half;
  }

  @Override
  public void open(Lease lease) throws IOException {
    own = lease;
    for (Half half : halves) {
      half.open(lease, Mending.ofNew());
    }
    warnUnlessForwarding();
  }

  private void warnUnlessForwarding() throws IOException {
    if (host == null || warnedOfForwarding) {
      return;
    }
    var entered = host.namespace();
    warnedOfForwarding = true;
    for (IpFamily family : context.config().families()) {
      String setting =
          family == IpFamily.V4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
      Path file = Path.of("/proc/sys", setting);
      if (entered
          .<String, IOException>call(() -> Files.readString(file))
          .strip()
          .equals("0")) {
        log.warn(
            "{}: {} is 0, so this host does not forward {} packets of its workloads; see 'sysctl -w {}=1'",
            context.networkName(),
            file,
            family,
            setting.replace('/', '.'));
      }
    }
  }

  @Override
  public ImmutableSet<?> claims(Lease peer) {
    var claims = ImmutableSet.<VtepClaim>builder();
    for (IpFamily family : context.config().families()) {
      RemoteVtep.of(peer, family, options.vni())
          .ifPresent(vtep -> claims.add(claim(family, vtep.mac())));
    }
    return claims.build();
  }

  private VtepClaim claim(IpFamily family, MacAddress mac) {
    var own = halves.stream().filter(half -> half.device.family() == family).findFirst();
    return VtepClaim.of(family, mac, own.map(half -> half.device.mac()).orElse(null));
  }

  @Override
  public Report apply(ImmutableList<PeerChange> changes) throws IOException {
    var mending = Mending.of(budget);
    for (Half half : halves) {
      half.apply(changes, mending);
    }
    return mending.toReport(prepared(host).isOnAnotherUnderlay());
  }

  @Override
  public Report audit(ImmutableList<Lease> peers) throws IOException {
    var entered = prepared(host);
    hear();
    entered.doubtUnderlay();
    boolean moved = entered.isOnAnotherUnderlay();
    var mending = mending(moved);
    try {
      for (Half half : halves) {
        half.audit(peers, mending);
      }
    } catch (IOException e) {
      // Without its underlay a device cannot be made; prepare() says what is wrong with that.
      if (!moved) {
        throw e;
      }
    }
    return mending.toReport(moved);
  }

  @Override
  public Closeable watch(Runnable due) throws IOException {
    return prepared(host).watch(this::isOfDevice, this::concerns, due);
  }

  /** Asked on the thread of the watch. */
  private boolean isOfDevice(NetlinkEvent event) {
    for (Half half : halves) {
      if (half.device.concerns(event)) {
        return true;
      }
    }
    return false;
  }

  /** Asked on the thread of the watch. */
  private boolean concerns(NetlinkEvent event) {
    for (Half half : halves) {
      if (half.concerns(event)) {
        return true;
      }
    }
    return false;
  }

  private void hear() {
    prepared(host).hear(event -> halves.forEach(half -> half.hear(event)));
  }

  /** What goes with an underlay that goes was taken away by nobody. */
  private Mending mending(boolean moved) {
    return moved ? Mending.ofNew() : Mending.of(budget);
  }

  @Override
  public Report repair() throws IOException {
    hear();
    boolean moved = prepared(host).isOnAnotherUnderlay();
    var mending = mending(moved);
    try {
      for (Half half : halves) {
        half.repairDevice(mending);
      }
      // By now the kernel has said all that it dropped with a device.
      hear();
      for (Half half : halves) {
        half.repairEntries(mending);
      }
    } catch (IOException e) {
      // The device goes with its underlay, and that before anything is said of the underlay.
      prepared(host).doubtUnderlay();
      moved = prepared(host).isOnAnotherUnderlay();
      if (!moved) {
        throw e;
      }
    }
    return mending.toReport(moved);
  }

  @Override
  public Status status() {
    var devices = Joiner.on(' ')
        .join(context.config().families().stream().map(options::deviceName).toList());
    return new Status(ImmutableMap.of("dataPath", "kernel", "device", devices), ImmutableMap.of());
  }

  @Override
  public void suspend() throws IOException {
    var failures = new Failures();
    for (Half half : halves) {
      failures.attempt(half::suspend);
    }
    failures.throwIfAny();
  }

  @Override
  public void close(CloseMode mode) throws IOException {
    var failures = new Failures();
    for (Half half : halves) {
      failures.attempt(() -> half.close(mode));
    }
    if (host != null) {
      failures.attempt(host);
    }
    failures.throwIfAny();
  }

  /** Goes on after a failure and throws it at the end. */
  private static final class Failures {
    private @Nullable IOException first;

    void attempt(AutoCloseable action) {
      try {
        action.close();
      } catch (Exception e) {
        if (first == null) {
          first = e instanceof IOException io ? io : new IOException(e);
        } else {
          first.addSuppressed(e);
        }
      }
    }

    void throwIfAny() throws IOException {
      if (first != null) {
        throw first;
      }
    }
  }

  private RtNetlink netlink() {
    return prepared(host).netlink();
  }

  private static <T> T prepared(@Nullable T value) {
    checkState(value != null, "not prepared");
    return value;
  }

  /** The device of one family and the peers behind it. */
  private final class Half {
    private final VxlanDevice device;
    private final Map<Subnets, Lease> known = new HashMap<>();
    private volatile @Nullable PeerTable table;
    private boolean deviceIsDoubtful;
    private boolean wasReset;

    Half(VxlanDevice device) {
      this.device = device;
    }

    void ensure(Mending mending) throws IOException {
      if (device.ensure(mending)) {
        reset();
      }
    }

    void open(Lease lease, Mending mending) throws IOException {
      IpFamily family = device.family();
      boolean isReset = device.open(
          lease
              .subnets()
              .prefix(family)
              .orElseThrow(() -> new IOException(family + " is enabled, but the lease "
                  + lease.subnets() + " has no subnet of it")),
          mending);
      if (table == null || table.link() != device.index()) {
        table = tableOfKnown();
      } else if (isReset) {
        reset();
      }
    }

    /** Returns a table of a new device, in which nothing is yet. */
    private PeerTable tableOfKnown() throws IOException {
      var made = new PeerTable(
          netlink(),
          device.index(),
          device.network(),
          options.vni().value() * 2 + (device.family() == IpFamily.V4 ? 0 : 1),
          budget);
      var edits = ImmutableList.<PeerTable.Edit>builderWithExpectedSize(known.size());
      for (Lease peer : known.values()) {
        edits.add(new PeerTable.Edit(peer.subnets(), wanted(peer)));
      }
      made.want(edits.build());
      made.linkWasReset();
      return made;
    }

    private void reset() {
      if (table != null) {
        table.linkWasReset();
      }
    }

    private void ensureOpen(Mending mending) throws IOException {
      deviceIsDoubtful = false;
      ensure(mending);
      open(prepared(own), mending);
    }

    PeerTable table() {
      var opened = table;
      checkState(opened != null, "not open");
      return opened;
    }

    void apply(ImmutableList<PeerChange> changes, Mending mending) throws IOException {
      var edits = ImmutableList.<PeerTable.Edit>builderWithExpectedSize(changes.size());
      for (PeerChange change : changes) {
        edits.add(edit(change.subnets(), change.after()));
      }
      mending.add(table().apply(edits.build()));
    }

    private PeerTable.Edit edit(Subnets subnets, @Nullable Lease peer) throws IOException {
      if (peer == null) {
        known.remove(subnets);
        return new PeerTable.Edit(subnets, ImmutableList.of());
      }
      known.put(subnets, peer);
      return new PeerTable.Edit(subnets, wanted(peer));
    }

    void audit(ImmutableList<Lease> peers, Mending mending) throws IOException {
      boolean isNew = known.isEmpty();
      ensureOpen(mending);
      var edits = edits(peers);
      if (isNew) {
        table().want(edits);
      } else if (!edits.isEmpty()) {
        mending.add(table().apply(edits));
      }
      compare(mending, table().audit());
    }

    /** Returns what is to be told to the table, which knows most leases already. */
    private ImmutableList<PeerTable.Edit> edits(ImmutableList<Lease> peers) throws IOException {
      var edits = ImmutableList.<PeerTable.Edit>builder();
      Set<Subnets> gone = new HashSet<>(known.keySet());
      for (Lease peer : peers) {
        gone.remove(peer.subnets());
        // The way to a peer may be another, whatever its lease says.
        if (options.directRouting() || !isKnown(peer)) {
          edits.add(edit(peer.subnets(), peer));
        }
      }
      for (Subnets subnets : gone) {
        edits.add(edit(subnets, null));
      }
      return edits.build();
    }

    /** Nearly always it is the same object, and to compare thousands of leases in every audit would be most of its work. */
    @SuppressWarnings("ReferenceEquality")
    private boolean isKnown(Lease peer) {
      return known.get(peer.subnets()) == peer;
    }

    private void compare(Mending mending, PeerTable.Outcome outcome) {
      if (wasReset && outcome.writes() > 0 && !mending.hasRepairs()) {
        mending.addRepair("entries of " + device.name(), "all", "dropped with the link's state");
      }
      wasReset = false;
      mending.add(outcome);
    }

    void repairDevice(Mending mending) throws IOException {
      // Entries are dropped before it is said that the device is down or gone.
      if (deviceIsDoubtful || table().isDoubtful()) {
        ensureOpen(mending);
      }
    }

    void repairEntries(Mending mending) throws IOException {
      compare(mending, table().mend());
    }

    boolean concerns(NetlinkEvent event) {
      var opened = table;
      return opened != null && opened.concerns(event) || device.concerns(event);
    }

    void hear(NetlinkEvent event) {
      if (event instanceof NetlinkEvent.Lost) {
        deviceIsDoubtful = true;
      }
      if (!device.isAsWanted(event)) {
        deviceIsDoubtful = true;
      }
      if (device.isReset(event)) {
        wasReset = true;
        reset();
      }
      table().hear(event);
    }

    /** Returns what the kernel must know of {@code peer} now. */
    private ImmutableList<ForwardingEntry> wanted(Lease peer) throws IOException {
      var vtep = RemoteVtep.of(peer, device.family(), options.vni());
      if (vtep.isEmpty()) {
        return ImmutableList.of();
      }
      int link = options.directRouting() ? directLink(vtep.get().endpoint()) : 0;
      return link == 0
          ? vtep.get().entries(device.index(), PeerTable.PROTOCOL)
          : vtep.get().directEntries(link, PeerTable.PROTOCOL);
    }

    /** Returns the link on which {@code endpoint} is a neighbor, 0 if there is a router in between. */
    private int directLink(IpAddress endpoint) throws IOException {
      return netlink()
          .routeTo(endpoint)
          .filter(KernelRoute::isDirect)
          .map(route -> route.hops().get(0).linkIndex())
          .orElse(0);
    }

    void suspend() throws IOException {
      known.clear();
      if (device.exists()) {
        if (table != null) {
          table.clear();
        }
        device.down();
      }
    }

    void close(CloseMode mode) throws IOException {
      if (device.isUnused()) {
        device.delete();
        return;
      }
      if (mode != CloseMode.KEEP && table != null) {
        table.clear();
      }
      if (mode == CloseMode.PURGE) {
        device.delete();
      }
    }
  }
}
