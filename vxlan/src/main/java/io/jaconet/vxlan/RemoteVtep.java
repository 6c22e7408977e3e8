package io.jaconet.vxlan;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import io.jaconet.overlay.Lease;
import java.util.Optional;

/**
 * A peer as the VXLAN device of one family sees it. As with flannel, the inner next hop is the subnet's first address, reached at
 * the peer's VTEP, which is reached at its public IP.
 */
record RemoteVtep(IpPrefix subnet, MacAddress mac, IpAddress endpoint) {
  /** The metric that the kernel gives an IPv6 route without one, include/uapi/linux/ipv6_route.h. */
  private static final int IP6_RT_PRIO_USER = 1024;

  /**
   * Returns the peer's VTEP for overlay packets of {@code family}, or nothing if the lease has no subnet of it.
   *
   * @throws IllegalArgumentException if the lease has a subnet but not what it takes to reach it; the message says what
   */
  static Optional<RemoteVtep> of(Lease peer, IpFamily family, Vni vni) {
    var subnet = peer.subnets().prefix(family);
    if (subnet.isEmpty()) {
      return Optional.empty();
    }
    var endpoint =
        peer.attributes().publicIp(family).orElseThrow(() -> missing("public IP", family));
    var data =
        peer.attributes().backendData(family).orElseThrow(() -> missing("backend data", family));
    var vtep = VtepData.parse(data);
    checkArgument(vtep.mayBeOf(vni), "its VNI is %s, this network's is %s", vtep.vni(), vni);
    return Optional.of(new RemoteVtep(subnet.get(), vtep.mac(), endpoint));
  }

  private static IllegalArgumentException missing(String what, IpFamily family) {
    return new IllegalArgumentException(
        "no " + family + " " + what + " is published for its " + family + " subnet");
  }

  /** Returns what the kernel must know to send through the device with index {@code link}. */
  ImmutableList<ForwardingEntry> entries(int link, int protocol) {
    IpAddress gateway = subnet.base();
    return ImmutableList.of(
        new ForwardingEntry.Neighbor(link, gateway, mac),
        new ForwardingEntry.Fdb(link, mac, endpoint),
        new ForwardingEntry.Route(subnet, link, gateway, true, 0, protocol, metric()));
  }

  /** Returns what the kernel must know to send without encapsulation, the peer being on the underlay link itself. */
  ImmutableList<ForwardingEntry> directEntries(int underlayLink, int protocol) {
    return ImmutableList.of(
        new ForwardingEntry.Route(subnet, underlayLink, endpoint, false, 0, protocol, metric()));
  }

  private int metric() {
    return subnet.family() == IpFamily.V4 ? 0 : IP6_RT_PRIO_USER;
  }
}
