package io.jaconet.benchmarks;

import io.jaconet.Jaconet;
import io.jaconet.linux.EntryChange;
import io.jaconet.linux.Link;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.PeerTable;
import io.jaconet.linux.RtNetlink;
import io.jaconet.linux.VxlanLink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A network namespace that stands for a host of the overlay. */
final class Host {
  static final String VXLAN_DEVICE = "flannel.1";
  private static final Path FORWARDING = Path.of("/proc/sys/net/ipv4/ip_forward");
  private static final String UNDERLAY_INTERFACE = "eth0";
  private static final IpAddress UNDERLAY_ADDRESS = IpAddress.parse("192.0.2.10");
  private static final int UNDERLAY_LENGTH = 24;
  private static final int UNDERLAY_MTU = 1500;
  private static final int VXLAN_PORT = 8472;
  private static final int OVERHEAD_BYTES = 50;

  private final String name;
  private final NetworkNamespace namespace;

  private Host(String name, NetworkNamespace namespace) {
    this.name = name;
    this.namespace = namespace;
  }

  static Host create(String name) throws IOException {
    var namespace = NetworkNamespace.createNamed(name);
    try (var netlink = namespace.call(RtNetlink::open)) {
      var underlay = netlink.createVeth(UNDERLAY_INTERFACE, "peer0");
      netlink.addAddress(underlay.index(), UNDERLAY_ADDRESS, UNDERLAY_LENGTH);
      for (Link link : netlink.links()) {
        netlink.setUp(link.index());
      }
      namespace.run(() -> Files.writeString(FORWARDING, "1"));
      return new Host(name, namespace);
    } catch (IOException e) {
      namespace.delete();
      throw e;
    }
  }

  /** Returns the name by which {@code ip -n} knows it. */
  String name() {
    return name;
  }

  Path path() {
    return pathOf(name);
  }

  private static Path pathOf(String name) {
    return Path.of("/run/netns", name);
  }

  /** Returns what lets the host called {@code name} join the network of {@link SyntheticPeers}. */
  static Jaconet.Builder joining(String name, SubnetManager leases) {
    return Jaconet.builder()
        .nodeId("this-host")
        .config(SyntheticPeers.config())
        .underlay(UnderlaySelection.ofInterface(UNDERLAY_INTERFACE))
        .namespace(pathOf(name))
        .previousSubnets(Subnets.of(SyntheticPeers.OWN))
        .subnetManager(leases);
  }

  /** Makes the device that a network would make. */
  void createVxlanDevice() throws IOException {
    try (var netlink = namespace.call(RtNetlink::open)) {
      int underlay = index(netlink, UNDERLAY_INTERFACE);
      var settings = new VxlanLink(
          new Vni(1), underlay, UNDERLAY_ADDRESS, null, VXLAN_PORT, false, false, false);
      var mac = new MacAddress(0x02_ff_ff_ff_ff_ffL);
      var device = netlink.createVxlan(VXLAN_DEVICE, mac, UNDERLAY_MTU - OVERHEAD_BYTES, settings);
      netlink.addAddress(
          device.index(), SyntheticPeers.OWN.base(), SyntheticPeers.OWN.family().bits());
      netlink.setUp(device.index());
    }
  }

  private static int index(RtNetlink netlink, String link) throws IOException {
    return netlink
        .link(link)
        .orElseThrow(() -> new IOException(link + " is gone"))
        .index();
  }

  /**
   * Removes it. Its links go first: the kernel removes a namespace when it finds the time, but a link, and what hangs on it, before it
   * answers. Otherwise the end of one round would slow the next one. And routes go before links: a nexthop object that goes while routes
   * use it makes the kernel look at every route there is.
   */
  void delete() throws IOException {
    try (var netlink = namespace.call(RtNetlink::open)) {
      netlink.apply(netlink.routes(0, PeerTable.PROTOCOL).stream()
          .map(EntryChange::remove)
          .toList());
      for (var link : new String[] {VXLAN_DEVICE, UNDERLAY_INTERFACE}) {
        var found = netlink.link(link);
        if (found.isPresent()) {
          netlink.deleteLink(found.get().index());
        }
      }
    } finally {
      namespace.delete();
    }
  }
}
