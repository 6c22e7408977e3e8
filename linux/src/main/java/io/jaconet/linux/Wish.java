package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import org.jspecify.annotations.Nullable;

/** An entry that a peer needs, and what is known of it. Confined to its {@link PeerTable}. */
final class Wish {
  final Subnets peer;
  final ForwardingEntry entry;

  /** Whether the kernel has had it as it is: where it is not there any more, somebody took it away. */
  boolean stands;

  /** The last comparison in which the kernel had it. */
  int seen;

  Wish(Subnets peer, ForwardingEntry entry) {
    this.peer = peer;
    this.entry = entry;
  }

  record RouteKey(IpPrefix destination, int metric) {}

  record GatewayKey(IpAddress gateway) {}

  /** Returns what tells an entry from others for the kernel; keys of different kinds are of different types. */
  static Object key(ForwardingEntry entry) {
    if (entry instanceof ForwardingEntry.Neighbor neighbor) {
      return neighbor.address();
    }
    if (entry instanceof ForwardingEntry.Fdb fdb) {
      return fdb.mac();
    }
    return entry instanceof ForwardingEntry.Route route
        ? new RouteKey(route.destination(), route.metric())
        : new GatewayKey(((ForwardingEntry.Nexthop) entry).gateway());
  }

  /** Returns the name of the thing, without what it should be, in iproute2's words. */
  static String name(ForwardingEntry entry) {
    if (entry instanceof ForwardingEntry.Neighbor neighbor) {
      return "neighbor " + neighbor.address();
    }
    if (entry instanceof ForwardingEntry.Fdb fdb) {
      return "FDB entry " + fdb.mac();
    }
    return entry instanceof ForwardingEntry.Route route
        ? "route " + route.destination()
        : "nexthop " + ((ForwardingEntry.Nexthop) entry).id();
  }

  /** Returns what the thing is or should be, in iproute2's words; empty for none. */
  static String describe(@Nullable ForwardingEntry entry) {
    if (entry == null) {
      return "";
    }
    if (entry instanceof ForwardingEntry.Neighbor neighbor) {
      return "lladdr " + neighbor.mac();
    }
    if (entry instanceof ForwardingEntry.Fdb fdb) {
      return "dst " + fdb.destination();
    }
    if (entry instanceof ForwardingEntry.Nexthop nexthop) {
      return "via " + nexthop.gateway() + " proto " + nexthop.protocol();
    }
    var route = (ForwardingEntry.Route) entry;
    String way = route.nexthopId() != 0
        ? "nhid " + route.nexthopId()
        : (route.gateway() == null ? "" : "via " + route.gateway() + " ") + "link "
            + route.linkIndex();
    return way + " proto " + route.protocol() + (route.onlink() ? " onlink" : "");
  }
}
