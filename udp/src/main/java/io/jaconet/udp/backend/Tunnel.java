package io.jaconet.udp.backend;

import static com.google.common.collect.ImmutableMap.toImmutableMap;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Iterables;
import com.google.common.collect.Maps;
import com.google.common.io.Closer;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.linux.Mending;
import io.jaconet.linux.NetlinkEvent;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.OwnAddress;
import io.jaconet.linux.PeerTable;
import io.jaconet.linux.RepairBudget;
import io.jaconet.linux.RtNetlink;
import io.jaconet.linux.TunDevice;
import io.jaconet.linux.UdpBatchSocket;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.udp.DataPath;
import io.jaconet.udp.PacketCounter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A TUN device, the sockets that its packets leave by, and once {@link #open} was called the data path between them. Ends with {@link
 * #close}. Confined to the network's event loop.
 */
final class Tunnel implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Tunnel.class);

  /** The metric that the kernel gives an IPv6 route without one, include/uapi/linux/ipv6_route.h. */
  private static final int IP6_RT_PRIO_USER = 1024;

  private final RtNetlink netlink;
  private final NetworkNamespace namespace;
  private final NetworkConfig config;
  private final TunDevice tun;
  private final ImmutableList<UdpBatchSocket> sockets;
  private final ImmutableList<DataPath.Lane> lanes;
  private final int index;
  private final Map<IpFamily, PeerTable> routes = new EnumMap<>(IpFamily.class);
  private final Map<IpFamily, OwnAddress> addresses = new EnumMap<>(IpFamily.class);
  private int overlayMtu;
  private boolean deviceIsDoubtful;
  private volatile @Nullable DataPath dataPath;

  private Tunnel(
      RtNetlink netlink,
      NetworkNamespace namespace,
      NetworkConfig config,
      TunDevice tun,
      int index,
      ImmutableList<UdpBatchSocket> sockets,
      ImmutableList<DataPath.Lane> lanes,
      RepairBudget budget) {
    this.netlink = netlink;
    this.namespace = namespace;
    this.config = config;
    this.tun = tun;
    this.sockets = sockets;
    this.lanes = lanes;
    this.index = index;
    config
        .networks()
        .forEach((family, network) ->
            routes.put(family, PeerTable.ofRoutes(netlink, index, network, budget)));
  }

  /**
   * Makes the device and binds sockets to each of {@code addresses}.
   *
   * @throws IOException if one is refused; nothing is left behind
   */
  static Tunnel create(
      RtNetlink netlink,
      NetworkNamespace namespace,
      NetworkConfig config,
      TunnelScheme scheme,
      Map<IpFamily, IpAddress> addresses,
      RepairBudget budget)
      throws IOException {
    int workers = scheme.options().workers();
    Duration busyPoll = scheme.options().busyPoll();
    return namespace.<Tunnel, IOException>call(() -> {
      var sockets = new EnumMap<IpFamily, ImmutableList<UdpBatchSocket>>(IpFamily.class);
      try {
        for (var address : addresses.entrySet()) {
          sockets.put(
              address.getKey(),
              UdpBatchSocket.openGroup(address.getValue(), scheme.port(), workers, busyPoll));
        }
        var queues = TunDevice.openQueues(scheme.device(), workers, busyPoll);
        var lanes = ImmutableList.<DataPath.Lane>builder();
        for (int i = 0; i < workers; i++) {
          int lane = i;
          lanes.add(new DataPath.Lane(
              queues.get(lane),
              ImmutableMap.copyOf(Maps.transformValues(sockets, group -> group.get(lane)))));
        }
        var tun = queues.get(0);
        int index = netlink
            .link(tun.name())
            .orElseThrow(() -> new IOException(tun.name() + " vanished right after it was made"))
            .index();
        return new Tunnel(
            netlink,
            namespace,
            config,
            tun,
            index,
            ImmutableList.copyOf(Iterables.concat(sockets.values())),
            lanes.build(),
            budget);
      } catch (IOException | RuntimeException e) {
        try (var closer = Closer.create()) {
          sockets
              .values()
              .forEach(group -> group.forEach(socket -> closer.register(socket::close)));
        } catch (IOException undo) {
          e.addSuppressed(undo);
        }
        throw e;
      }
    });
  }

  /**
   * Brings up the device with the addresses of {@code own} and starts the data path.
   *
   * @param failed is called, on any thread, if the data path fails
   */
  void open(Lease own, DataPath.Settings settings, Runnable failed) throws IOException {
    quieten();
    overlayMtu = settings.overlayMtu();
    for (IpFamily family : config.families()) {
      addresses.put(family, OwnAddress.in(network(family), subnet(own, family).base()));
    }
    ensure(Mending.ofNew());
    dataPath = DataPath.start(settings, lanes, failed);
    log.info(
        "{}: {} with MTU {}, {}",
        settings.network(),
        tun.name(),
        settings.overlayMtu(),
        features());
  }

  /**
   * Keeps the device from talking by itself in IPv6, and has it take the ICMP errors of the data path, whose source is an address of this
   * host's.
   */
  private void quieten() throws IOException {
    namespace.<IOException>run(() -> {
      set("ipv6", "accept_ra", "0");
      set("ipv6", "addr_gen_mode", "1");
      set("ipv4", "accept_local", "1");
    });
  }

  private void set(String version, String setting, String value) throws IOException {
    Path file = Path.of("/proc/sys/net", version, "conf", tun.name(), setting);
    if (Files.isWritable(file)) {
      Files.writeString(file, value);
    }
  }

  /** Returns the data path, null before {@link #open}. */
  @Nullable
  DataPath dataPath() {
    return dataPath;
  }

  /** Returns what is in use; {@link io.jaconet.udp.UdpBackendProvider} says what the names mean. For any thread. */
  ImmutableMap<String, String> features() {
    var offloads = tun.offloads();
    return ImmutableMap.<String, String>builder()
        .put("dataPath", "user")
        .put("device", tun.name())
        .put("workers", Integer.toString(lanes.size()))
        .put("tunHeader", Boolean.toString(offloads.header()))
        .put("tunTcp", Boolean.toString(offloads.tcp()))
        .put("tunUdp", Boolean.toString(offloads.udp()))
        .put("socketCuts", Boolean.toString(sockets.stream().allMatch(UdpBatchSocket::cuts)))
        .put("socketJoins", Boolean.toString(sockets.stream().allMatch(UdpBatchSocket::joins)))
        .buildOrThrow();
  }

  /** Returns what was counted since {@link #open}. For any thread. */
  ImmutableMap<String, Long> counters() {
    var opened = dataPath;
    return opened == null
        ? ImmutableMap.of()
        : Arrays.stream(PacketCounter.values())
            .collect(toImmutableMap(PacketCounter::name, opened::count));
  }

  /** Returns whether the device is gone or the data path has failed: there is nothing to do but to make another. */
  boolean isLost() throws IOException {
    return dataPath != null && dataPath.failure().isPresent()
        || netlink.link(index).isEmpty();
  }

  /** Sees to the device's name, MTU, addresses, state and routes. */
  void ensure(Mending mending) throws IOException {
    if (ensureDevice(mending)) {
      routes.values().forEach(PeerTable::linkWasReset);
    }
    for (PeerTable table : routes.values()) {
      mending.add(table.audit());
    }
  }

  private boolean ensureDevice(Mending mending) throws IOException {
    deviceIsDoubtful = false;
    var name = tun.name();
    var link = netlink.link(index).orElseThrow(() -> new IOException(name + " is gone"));
    if (!link.name().equals(name)) {
      mending.mend("name of " + name, name, link.name(), () -> netlink.rename(index, name));
    }
    if (link.mtu() != overlayMtu) {
      mending.mend(
          "MTU of " + name,
          Integer.toString(overlayMtu),
          Integer.toString(link.mtu()),
          () -> netlink.setMtu(index, overlayMtu));
    }
    boolean reset = false;
    for (OwnAddress address : addresses.values()) {
      reset |= address.ensure(netlink, index, name, mending);
    }
    if (!link.up()) {
      reset |= mending.mend("state of " + name, "up", "down", () -> netlink.setUp(index));
    }
    for (IpFamily family : config.families()) {
      var network = network(family);
      int metric = family == IpFamily.V4 ? 0 : IP6_RT_PRIO_USER;
      var route = new Route(network, index, null, false, 0, PeerTable.PROTOCOL, metric);
      table(family)
          .want(ImmutableList.of(new PeerTable.Edit(Subnets.of(network), ImmutableList.of(route))));
    }
    return reset;
  }

  private PeerTable table(IpFamily family) {
    return Objects.requireNonNull(routes.get(family));
  }

  /** Mends what was {@linkplain #hear heard} of. */
  void repair(Mending mending) throws IOException {
    if (deviceIsDoubtful) {
      ensure(mending);
      return;
    }
    for (PeerTable table : routes.values()) {
      mending.add(table.mend());
    }
  }

  /** Returns whether {@code event} is of the device or its addresses. For any thread. */
  boolean isOfDevice(NetlinkEvent event) {
    return event instanceof NetlinkEvent.LinkChanged link && link.link().index() == index
        || event instanceof NetlinkEvent.AddressChanged address
            && address.address().linkIndex() == index;
  }

  /** Returns whether {@code event} may be of the device or its routes. For any thread. */
  boolean concerns(NetlinkEvent event) {
    return isOfDevice(event)
        || event instanceof NetlinkEvent.RouteChanged
            && routes.values().stream().anyMatch(table -> table.concerns(event));
  }

  /** Takes note of a change in the kernel, unless it only is as wanted. */
  void hear(NetlinkEvent event) {
    routes.values().forEach(table -> table.hear(event));
    if (event instanceof NetlinkEvent.Lost) {
      deviceIsDoubtful = true;
    } else if (event instanceof NetlinkEvent.LinkChanged change && change.link().index() == index) {
      var link = change.link();
      deviceIsDoubtful |= change.removed()
          || !link.up()
          || link.mtu() != overlayMtu
          || !link.name().equals(tun.name());
    } else if (event instanceof NetlinkEvent.AddressChanged change
        && change.address().linkIndex() == index) {
      var address = addresses.get(change.address().address().family());
      deviceIsDoubtful |= address != null && !address.isAsWanted(change);
    }
  }

  private IpPrefix network(IpFamily family) throws IOException {
    var network = config.networks().get(family);
    if (network == null) {
      throw new IOException(family + " is enabled, but there is no network of it");
    }
    return network;
  }

  private static IpPrefix subnet(Lease own, IpFamily family) throws IOException {
    return own.subnets()
        .prefix(family)
        .orElseThrow(() -> new IOException(
            family + " is enabled, but the lease " + own.subnets() + " has no subnet of it"));
  }

  /** Ends the data path, with which device, addresses and routes go. */
  @Override
  public void close() throws IOException {
    if (dataPath != null) {
      dataPath.close();
      return;
    }
    try (var closer = Closer.create()) {
      for (DataPath.Lane lane : lanes) {
        lane.transports().values().forEach(socket -> closer.register(socket::close));
        closer.register(lane.port()::close);
      }
    }
  }
}
