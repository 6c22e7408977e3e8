package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.MacAddress;
import org.jspecify.annotations.Nullable;

/** Something that changed in the kernel, whoever changed it. An addition also tells of a change in place. */
public sealed interface NetlinkEvent {

  /** A link came, changed, or went. */
  record LinkChanged(boolean removed, Link link) implements NetlinkEvent {}

  /** An address came, changed, or went. */
  record AddressChanged(boolean removed, LinkAddress address) implements NetlinkEvent {}

  /**
   * A route of any table came, changed, or went. The kernel does not tell of IPv4 routes that go along with their link, and
   * tells of those that go with a nexthop object only as that object's removal.
   */
  record RouteChanged(boolean removed, KernelRoute route) implements NetlinkEvent {}

  /**
   * A neighbor came, changed, or went.
   *
   * @param permanent whether it now is what {@link ForwardingEntry.Neighbor} is, not learned
   */
  record NeighborChanged(
      boolean removed,
      int linkIndex,
      IpAddress address,
      @Nullable MacAddress mac,
      boolean permanent)
      implements NetlinkEvent {}

  /**
   * An entry of a forwarding database came, changed, or went.
   *
   * @param destination the host behind the MAC address; null in the database of a bridge
   */
  record FdbChanged(
      boolean removed,
      int linkIndex,
      MacAddress mac,
      @Nullable IpAddress destination,
      boolean permanent)
      implements NetlinkEvent {}

  /**
   * A nexthop object came, changed, or went.
   *
   * @param nexthop what it is or was; null for groups, black holes and gateways that are not on-link
   */
  record NexthopChanged(boolean removed, int id, ForwardingEntry.@Nullable Nexthop nexthop)
      implements NetlinkEvent {}

  /** An unknown number of events is missing: the kernel's tables must be read again. */
  record Lost(String reason) implements NetlinkEvent {}
}
