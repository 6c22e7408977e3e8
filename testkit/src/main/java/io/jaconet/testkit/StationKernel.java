package io.jaconet.testkit;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.EntryChange;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.linux.Link;
import io.jaconet.linux.RtNetlink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import java.io.IOException;

/** The links, addresses and routes of one station, while it is put together. */
final class StationKernel implements AutoCloseable {
  private static final int LOOPBACK = 1;
  private static final int RTPROT_STATIC = 4;

  private final Station station;
  private final RtNetlink netlink;

  private StationKernel(Station station, RtNetlink netlink) {
    this.station = station;
    this.netlink = netlink;
  }

  static StationKernel of(Station station) throws IOException {
    return new StationKernel(station, station.namespace().call(RtNetlink::open));
  }

  void setLoopbackUp() throws IOException {
    netlink.setUp(LOOPBACK);
  }

  boolean hasLink(String name) throws IOException {
    return netlink.link(name).isPresent();
  }

  Link link(String name) throws IOException {
    return netlink
        .link(name)
        .orElseThrow(() -> new IOException(station.name() + " has no interface " + name));
  }

  Link addBridge(String name) throws IOException {
    var bridge = netlink.createBridge(name);
    netlink.setUp(bridge.index());
    return bridge;
  }

  /** Adds a port to {@code bridge} that is connected to {@code eth0} of {@code other}, which stays down. */
  void addPort(Link bridge, String port, Station other, int mtu) throws IOException {
    var link =
        netlink.createVeth(port, Host.UNDERLAY_INTERFACE, other.namespace().fd());
    netlink.setMtu(link.index(), mtu);
    netlink.setMaster(link.index(), bridge.index());
    netlink.setUp(link.index());
  }

  /** Adds a link that is connected to {@code eth0} of {@code other}; both ends are down. */
  void addLink(String name, Station other) throws IOException {
    netlink.createVeth(name, Host.UNDERLAY_INTERFACE, other.namespace().fd());
  }

  void deleteLink(String name) throws IOException {
    netlink.deleteLink(link(name).index());
  }

  void setUp(Link link, int mtu) throws IOException {
    netlink.setMtu(link.index(), mtu);
    netlink.setUp(link.index());
  }

  boolean hasAddress(IpAddress address) throws IOException {
    return netlink.addresses().stream().anyMatch(held -> held.address().equals(address));
  }

  void addAddress(Link link, IpAddress address, int prefixLength) throws IOException {
    netlink.addAddress(link.index(), address, prefixLength);
  }

  /** Removes all addresses of global scope from {@code link}. */
  void removeAddresses(Link link) throws IOException {
    for (var held : netlink.addresses()) {
      if (held.linkIndex() == link.index() && held.scope() == 0) {
        netlink.removeAddress(link.index(), held.address(), held.prefixLength());
      }
    }
  }

  void addDefaultRoute(Link link, IpAddress gateway) throws IOException {
    var everywhere = new IpPrefix(IpAddress.unspecified(gateway.family()), 0);
    var route =
        new ForwardingEntry.Route(everywhere, link.index(), gateway, false, 0, RTPROT_STATIC, 0);
    for (var failure : netlink.apply(ImmutableList.of(EntryChange.create(route)))) {
      throw failure.toException();
    }
  }

  MacAddress mac(String link) throws IOException {
    var mac = link(link).mac();
    if (mac == null) {
      throw new IOException(link + " of " + station.name() + " has no MAC");
    }
    return mac;
  }

  /** Adds neighbors that never expire, itself excepted. */
  void addNeighbors(Link link, ImmutableMap<IpAddress, MacAddress> macs) throws IOException {
    var changes = ImmutableList.<EntryChange>builder();
    macs.forEach((address, mac) -> {
      if (!mac.equals(link.mac())) {
        changes.add(EntryChange.replace(new ForwardingEntry.Neighbor(link.index(), address, mac)));
      }
    });
    for (var failure : netlink.apply(changes.build())) {
      throw failure.toException();
    }
  }

  boolean hasDefaultRoute() throws IOException {
    return netlink.routes().stream().anyMatch(route -> route.destination().isDefault());
  }

  @Override
  public void close() throws IOException {
    netlink.close();
  }
}
