package io.jaconet.udp.backend;

import static com.google.common.collect.ImmutableMap.toImmutableMap;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Iterables;
import com.google.common.collect.Maps;
import com.google.common.io.Closer;
import io.jaconet.linux.EntryChange;
import io.jaconet.linux.EntryFailure;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.linux.LinkAddress;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.PeerTable;
import io.jaconet.linux.RtNetlink;
import io.jaconet.linux.TunDevice;
import io.jaconet.linux.UdpBatchSocket;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.udp.DataPath;
import io.jaconet.udp.PacketCounter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A TUN device, the sockets that its packets leave by, and once {@link #open} was called the data path between them. Ends with {@link
 * #close}. Confined to the network's event loop.
 */
final class Tunnel implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Tunnel.class);

  private final RtNetlink netlink;
  private final NetworkNamespace namespace;
  private final NetworkConfig config;
  private final TunDevice tun;
  private final ImmutableList<UdpBatchSocket> sockets;
  private final ImmutableList<DataPath.Lane> lanes;
  private volatile @Nullable DataPath dataPath;

  private Tunnel(
      RtNetlink netlink,
      NetworkNamespace namespace,
      NetworkConfig config,
      TunDevice tun,
      ImmutableList<UdpBatchSocket> sockets,
      ImmutableList<DataPath.Lane> lanes) {
    this.netlink = netlink;
    this.namespace = namespace;
    this.config = config;
    this.tun = tun;
    this.sockets = sockets;
    this.lanes = lanes;
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
      Map<IpFamily, IpAddress> addresses)
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
        return new Tunnel(
            netlink,
            namespace,
            config,
            queues.get(0),
            ImmutableList.copyOf(Iterables.concat(sockets.values())),
            lanes.build());
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

  /** Brings up the device with the addresses of {@code own} and starts the data path. */
  void open(Lease own, DataPath.Settings settings) throws IOException {
    quieten();
    ensure(own, settings.overlayMtu());
    dataPath = DataPath.start(settings, lanes);
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
        || netlink.link(tun.name()).isEmpty();
  }

  /**
   * Sees to the device's MTU, addresses, state and routes.
   *
   * @return how much had to be written
   */
  int ensure(Lease own, int overlayMtu) throws IOException {
    var link = netlink
        .link(tun.name())
        .orElseThrow(() -> new IOException(tun.name() + " is gone, or was renamed"));
    int writes = 0;
    if (link.mtu() != overlayMtu) {
      netlink.setMtu(link.index(), overlayMtu);
      writes++;
    }
    for (IpFamily family : config.families()) {
      writes += ensureAddress(link.index(), subnet(own, family), network(family));
    }
    if (!link.up()) {
      netlink.setUp(link.index());
      writes++;
    }
    for (IpFamily family : config.families()) {
      writes += ensureRoute(link.index(), network(family));
    }
    return writes;
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

  private int ensureAddress(int link, IpPrefix subnet, IpPrefix network) throws IOException {
    int length = subnet.family().bits();
    int writes = 0;
    boolean there = false;
    for (LinkAddress found : netlink.addresses()) {
      if (found.linkIndex() == link && network.contains(found.address())) {
        if (found.address().equals(subnet.base()) && found.prefixLength() == length) {
          there = true;
        } else {
          netlink.removeAddress(link, found.address(), found.prefixLength());
          writes++;
        }
      }
    }
    if (!there) {
      netlink.addAddress(link, subnet.base(), length);
      writes++;
    }
    return writes;
  }

  /** A route of the network that somebody else made is left alone, as flannel does. */
  private int ensureRoute(int link, IpPrefix network) throws IOException {
    List<Route> routes = new ArrayList<>(netlink.routes(link, PeerTable.PROTOCOL));
    if (routes.stream().anyMatch(route -> route.destination().equals(network))) {
      return 0;
    }
    var route = new Route(network, link, null, false, 0, PeerTable.PROTOCOL, 0);
    for (EntryFailure failure : netlink.apply(List.of(EntryChange.create(route)))) {
      if (!failure.alreadyThere()) {
        throw failure.toException();
      }
      log.warn("there is a route to {} already; packets for peers follow it", network);
      return 0;
    }
    return 1;
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
