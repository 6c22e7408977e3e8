package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import org.jspecify.annotations.Nullable;

/** One thing that the kernel must know to reach a peer. Values: two entries are equal if the kernel would treat them alike. */
public sealed interface ForwardingEntry {

  /** Returns the link that the entry belongs to. */
  int linkIndex();

  /** A permanent neighbor entry (ARP or NDP): packets to {@code address} on the link go to {@code mac}. */
  record Neighbor(int linkIndex, IpAddress address, MacAddress mac) implements ForwardingEntry {}

  /** A permanent forwarding database entry of a VXLAN device: frames to {@code mac} go to the host at {@code destination}. */
  record Fdb(int linkIndex, MacAddress mac, IpAddress destination) implements ForwardingEntry {}

  /** A nexthop object (kernel 5.3 and later) with a gateway that counts as on-link. */
  record Nexthop(int id, int linkIndex, IpAddress gateway, int protocol)
      implements ForwardingEntry {}

  /**
   * A unicast route in the main table.
   *
   * @param destination the prefix
   * @param linkIndex the link of the route, also if a nexthop object decides it
   * @param gateway the gateway, null for none or if a nexthop object decides it
   * @param onlink whether the gateway counts as on-link whatever the addresses say
   * @param nexthopId the nexthop object, 0 for none
   * @param protocol who made the route, the kernel's {@code RTPROT_*}
   * @param metric the priority; 0 lets the kernel choose (it stores 1024 for IPv6)
   */
  record Route(
      IpPrefix destination,
      int linkIndex,
      @Nullable IpAddress gateway,
      boolean onlink,
      int nexthopId,
      int protocol,
      int metric)
      implements ForwardingEntry {}
}
