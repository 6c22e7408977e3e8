package io.jaconet.udp.backend;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import com.google.common.io.Closer;
import io.jaconet.linux.HostNetwork;
import io.jaconet.linux.Mending;
import io.jaconet.linux.NetlinkEvent;
import io.jaconet.linux.RepairBudget;
import io.jaconet.linux.SyscallException;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.Underlay;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.udp.DataPath;
import io.jaconet.udp.Endpoint;
import io.jaconet.udp.ForwardingTable;
import java.io.Closeable;
import java.io.IOException;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reaches peers through a TUN device and a {@link DataPath}. Peers are known only to its table; the kernel has one route for the whole
 * network. Packets of a family travel between underlay addresses of the same family. How they look there, a {@link TunnelScheme} says.
 */
public final class TunnelBackend implements Backend {
  private static final Logger log = LoggerFactory.getLogger(TunnelBackend.class);

  private final BackendProvider.Context context;
  private final TunnelScheme scheme;
  private final Map<IpPrefix, Endpoint> routes = new HashMap<>();
  private @Nullable HostNetwork host;
  private final RepairBudget budget = new RepairBudget();
  private volatile @Nullable Underlay underlay;
  private volatile @Nullable Runnable due;
  private boolean suspended;
  private @Nullable Lease own;
  private volatile @Nullable Tunnel tunnel;

  /** Makes nothing yet. */
  public TunnelBackend(BackendProvider.Context context, TunnelScheme scheme) {
    this.context = context;
    this.scheme = scheme;
  }

  @Override
  public Preparation prepare() throws IOException {
    var entered = host;
    if (entered == null) {
      var device = scheme.device();
      entered = HostNetwork.enter(context, device.contains("%d") ? null : device);
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
    int overlayMtu = scheme.overlayMtu(selected);
    var before = underlay;
    underlay = selected;
    if (before != null && !fits(before, selected)) {
      // Its sockets have addresses that this host has no more, or its packets are too large.
      closeTunnel();
    }
    if (tunnel == null && !suspended) {
      tunnel = createTunnel();
    }
    return new Preparation(
        selected, scheme.attributes(selected), overlayMtu, ImmutableSet.of(scheme.port()));
  }

  private static boolean fits(Underlay before, Underlay now) {
    return before.addresses().equals(now.addresses())
        && before.publicIps().equals(now.publicIps())
        && before.mtu() == now.mtu();
  }

  private Tunnel createTunnel() throws IOException {
    var selected = prepared(underlay);
    var entered = prepared(host).namespace();
    var opened = prepared(host).netlink();
    scheme.makeRoom(entered, opened);
    var held = opened.addresses();
    var addresses = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    for (IpFamily family : context.config().families()) {
      addresses.put(family, scheme.local(family, selected, held));
    }
    try {
      return Tunnel.create(opened, entered, context.config(), scheme, addresses, budget);
    } catch (SyscallException e) {
      throw scheme.explain(e, entered, opened);
    }
  }

  private static <T> T prepared(@Nullable T value) {
    checkState(value != null, "not prepared");
    return value;
  }

  @Override
  public void open(Lease lease) throws IOException {
    var before = own;
    own = lease;
    suspended = false;
    var opened = tunnel;
    boolean isAnothers = before != null && !before.subnets().equals(lease.subnets());
    if (opened != null && (isAnothers || opened.isLost())) {
      closeTunnel();
      opened = null;
    }
    if (opened == null) {
      opened = createTunnel();
      tunnel = opened;
    }
    if (opened.dataPath() == null) {
      opened.open(lease, settings(lease), this::dataPathFailed);
    } else {
      opened.ensure(Mending.ofNew());
    }
    setTable();
  }

  /** Called on a thread of the data path's. */
  private void dataPathFailed() {
    var listening = due;
    if (listening != null) {
      listening.run();
    }
  }

  private DataPath.Settings settings(Lease lease) {
    var sources = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    for (IpFamily family : context.config().families()) {
      lease.subnets().prefix(family).ifPresent(subnet -> sources.put(family, subnet.base()));
    }
    return new DataPath.Settings(
        context.networkName(),
        Maps.immutableEnumMap(sources),
        scheme.overlayMtu(prepared(underlay)),
        scheme.options().sourceCheck(),
        scheme.framing());
  }

  private void setTable() {
    dataPath().ifPresent(dataPath -> dataPath.setTable(ForwardingTable.of(routes)));
  }

  /** Returns the data path while there is one. */
  public Optional<DataPath> dataPath() {
    return Optional.ofNullable(tunnel).map(Tunnel::dataPath);
  }

  @Override
  public Status status() {
    var now = tunnel;
    return now == null
        ? new Status(ImmutableMap.of(), ImmutableMap.of())
        : new Status(now.features(), now.counters());
  }

  @Override
  public ImmutableSet<?> claims(Lease peer) {
    var claims = ImmutableSet.builder();
    for (IpFamily family : context.config().families()) {
      if (peer.subnets().prefix(family).isPresent()) {
        claims.add(scheme.claim(family, endpoint(peer, family)));
      }
    }
    return claims.build();
  }

  private Endpoint endpoint(Lease peer, IpFamily family) {
    Endpoint endpoint = scheme.endpoint(peer, family);
    var selected = underlay;
    checkArgument(
        selected == null || !selected.publicIps().containsValue(endpoint.address()),
        "the public IP %s is this host's own",
        endpoint.address());
    return endpoint;
  }

  private ImmutableMap<IpPrefix, Endpoint> routes(@Nullable Lease peer) {
    if (peer == null) {
      return ImmutableMap.of();
    }
    var wanted = ImmutableMap.<IpPrefix, Endpoint>builder();
    for (IpFamily family : context.config().families()) {
      peer.subnets().prefix(family).ifPresent(subnet -> wanted.put(subnet, endpoint(peer, family)));
    }
    return wanted.buildOrThrow();
  }

  @Override
  public Report apply(ImmutableList<PeerChange> changes) {
    int writes = 0;
    for (PeerChange change : changes) {
      var before = routes(change.before());
      var after = routes(change.after());
      for (IpPrefix prefix : before.keySet()) {
        if (!after.containsKey(prefix) && routes.remove(prefix) != null) {
          writes++;
        }
      }
      for (var route : after.entrySet()) {
        if (!route.getValue().equals(routes.put(route.getKey(), route.getValue()))) {
          writes++;
        }
      }
    }
    setTable();
    return new Report(ImmutableMap.of(), writes);
  }

  @Override
  public Report audit(ImmutableList<Lease> peers) throws IOException {
    hear();
    var entered = prepared(host);
    entered.doubtUnderlay();
    boolean moved = entered.isOnAnotherUnderlay();
    var mending = mending(moved);
    Map<IpPrefix, Endpoint> wanted = new HashMap<>();
    peers.forEach(peer -> wanted.putAll(routes(peer)));
    var difference = Maps.difference(routes, wanted);
    mending.addWrites(difference.entriesDiffering().size()
        + difference.entriesOnlyOnLeft().size()
        + difference.entriesOnlyOnRight().size());
    if (!difference.areEqual()) {
      routes.clear();
      routes.putAll(wanted);
      setTable();
    }
    ensure(tunnel -> tunnel.ensure(mending), mending, moved);
    return mending.toReport(moved);
  }

  @Override
  public Closeable watch(Runnable due) throws IOException {
    var watch = prepared(host).watch(this::isOfDevice, this::concerns, due);
    this.due = due;
    return watch;
  }

  /** Asked on the thread of the watch. */
  private boolean isOfDevice(NetlinkEvent event) {
    var now = tunnel;
    return now != null && now.isOfDevice(event);
  }

  /** Asked on the thread of the watch. */
  private boolean concerns(NetlinkEvent event) {
    var now = tunnel;
    return now != null && now.concerns(event);
  }

  private void hear() {
    var now = tunnel;
    prepared(host).hear(event -> {
      if (now != null) {
        now.hear(event);
      }
    });
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
    ensure(tunnel -> tunnel.repair(mending), mending, moved);
    return mending.toReport(moved);
  }

  private interface Ensuring {
    void ensure(Tunnel tunnel) throws IOException;
  }

  private void ensure(Ensuring how, Mending mending, boolean moved) throws IOException {
    try {
      var opened = tunnel;
      if (opened != null && opened.dataPath() != null && !opened.isLost()) {
        how.ensure(opened);
      } else {
        log.info("{}: the TUN device is lost and made anew", context.networkName());
        mending.mend("TUN device", "one that works", "lost", () -> open(prepared(own)));
      }
    } catch (IOException e) {
      // Without its underlay there is no tunnel; prepare() says what is wrong with that.
      if (!moved) {
        throw e;
      }
    }
  }

  @Override
  public void suspend() throws IOException {
    suspended = true;
    closeTunnel();
  }

  private void closeTunnel() throws IOException {
    var closing = tunnel;
    tunnel = null;
    if (closing != null) {
      closing.close();
    }
  }

  @Override
  public void close(CloseMode mode) throws IOException {
    try (var closer = Closer.create()) {
      if (host != null) {
        closer.register(host);
      }
      closer.register(this::closeTunnel);
    }
  }
}
