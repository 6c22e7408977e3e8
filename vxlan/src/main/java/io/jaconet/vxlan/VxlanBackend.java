package io.jaconet.vxlan;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.base.Joiner;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.DeviceLock;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.linux.KernelRoute;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.PeerTable;
import io.jaconet.linux.RtNetlink;
import io.jaconet.linux.UnderlaySelector;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
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
  private final List<Half> halves = new ArrayList<>();
  private @Nullable NetworkNamespace namespace;
  private @Nullable RtNetlink netlink;
  private @Nullable DeviceLock lock;
  private @Nullable Lease own;
  private boolean warnedOfForwarding;

  VxlanBackend(BackendProvider.Context context, VxlanOptions options) {
    this.context = context;
    this.options = options;
  }

  @Override
  public Preparation prepare() throws IOException {
    var entered = context.namespace() == null
        ? NetworkNamespace.current()
        : NetworkNamespace.ofPath(context.namespace());
    namespace = entered;
    lock = DeviceLock.acquire(entered, options.deviceName(IpFamily.V4));
    var opened = entered.call(RtNetlink::open);
    netlink = opened;
    NetworkConfig config = context.config();
    var selected = new UnderlaySelector(opened).select(context.underlay(), config.families());
    var data = ImmutableMap.<IpFamily, String>builder();
    int overlayMtu = Integer.MAX_VALUE;
    for (IpPrefix network : config.networks().values()) {
      var device = VxlanDevice.of(opened, entered, network, options, selected, context.nodeId());
      halves.add(new Half(device));
      device.ensure();
      data.put(network.family(), new VtepData(options.vni(), device.mac()).toJson());
      overlayMtu = Math.min(overlayMtu, device.actualMtu());
    }
    var attributes = LeaseAttributes.of("vxlan", selected.publicIps(), data.build());
    return new Preparation(
        selected, attributes, overlayMtu, ImmutableSet.of(options.effectivePort()));
  }

  @Override
  public void open(Lease lease) throws IOException {
    own = lease;
    for (Half half : halves) {
      half.open(lease);
    }
    warnUnlessForwarding();
  }

  private void warnUnlessForwarding() throws IOException {
    var entered = namespace;
    if (entered == null || warnedOfForwarding) {
      return;
    }
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
    var pending = new HashMap<Subnets, String>();
    int writes = 0;
    for (Half half : halves) {
      var edits = ImmutableList.<PeerTable.Edit>builderWithExpectedSize(changes.size());
      for (PeerChange change : changes) {
        edits.add(new PeerTable.Edit(
            change.subnets(), half.known(change.before()), half.wanted(change.after())));
      }
      var outcome = half.table().apply(edits.build());
      outcome.pending().forEach(pending::putIfAbsent);
      writes += outcome.writes();
    }
    return new Report(ImmutableMap.copyOf(pending), writes);
  }

  @Override
  public Report audit(ImmutableList<Lease> peers) throws IOException {
    var pending = new HashMap<Subnets, String>();
    int writes = 0;
    for (Half half : halves) {
      writes += half.ensure();
      var wanted = ImmutableMap.<Subnets, ImmutableList<ForwardingEntry>>builderWithExpectedSize(
          peers.size());
      for (Lease peer : peers) {
        wanted.put(peer.subnets(), half.wanted(peer));
      }
      var outcome = half.table().audit(wanted.buildOrThrow());
      outcome.pending().forEach(pending::putIfAbsent);
      writes += outcome.writes();
    }
    return new Report(ImmutableMap.copyOf(pending), writes);
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
    for (AutoCloseable resource :
        Stream.of(netlink, lock, namespace).filter(Objects::nonNull).toList()) {
      failures.attempt(resource);
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
    var opened = netlink;
    checkState(opened != null, "not prepared");
    return opened;
  }

  /** The device of one family and the peers behind it. */
  private final class Half {
    private final VxlanDevice device;
    private final Map<Subnets, Integer> directLinks = new HashMap<>();
    private @Nullable PeerTable table;

    Half(VxlanDevice device) {
      this.device = device;
    }

    void open(Lease lease) throws IOException {
      IpFamily family = device.family();
      device.open(lease
          .subnets()
          .prefix(family)
          .orElseThrow(() -> new IOException(
              family + " is enabled, but the lease " + lease.subnets() + " has no subnet of it")));
      if (table == null || table.link() != device.index()) {
        table = new PeerTable(
            netlink(),
            device.index(),
            device.network(),
            options.vni().value() * 2 + (family == IpFamily.V4 ? 0 : 1));
      }
    }

    int ensure() throws IOException {
      var lease = own;
      checkState(lease != null, "not open");
      int writes = device.ensure();
      open(lease);
      return writes;
    }

    PeerTable table() {
      var opened = table;
      checkState(opened != null, "not open");
      return opened;
    }

    /** Returns what the kernel must know of {@code peer} now. */
    ImmutableList<ForwardingEntry> wanted(@Nullable Lease peer) throws IOException {
      if (peer == null) {
        return ImmutableList.of();
      }
      var vtep = RemoteVtep.of(peer, device.family(), options.vni());
      if (vtep.isEmpty()) {
        return ImmutableList.of();
      }
      int link = options.directRouting() ? directLink(vtep.get().endpoint()) : 0;
      if (link == 0) {
        directLinks.remove(peer.subnets());
        return vtep.get().entries(device.index(), PeerTable.PROTOCOL);
      }
      directLinks.put(peer.subnets(), link);
      return vtep.get().directEntries(link, PeerTable.PROTOCOL);
    }

    /** Returns what the kernel was last told of {@code peer}; the way to it may be another by now. */
    ImmutableList<ForwardingEntry> known(@Nullable Lease peer) {
      if (peer == null) {
        return ImmutableList.of();
      }
      Integer link = directLinks.get(peer.subnets());
      return RemoteVtep.of(peer, device.family(), options.vni())
          .map(vtep -> link == null
              ? vtep.entries(device.index(), PeerTable.PROTOCOL)
              : vtep.directEntries(link, PeerTable.PROTOCOL))
          .orElse(ImmutableList.of());
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
      if (table != null) {
        table.clear();
      }
      device.down();
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
