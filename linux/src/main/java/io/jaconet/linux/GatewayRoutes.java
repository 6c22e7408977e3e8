package io.jaconet.linux;

import io.jaconet.linux.ForwardingEntry.Nexthop;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.net.IpAddress;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How routes through the peers of a link are written: with nexthop objects, because the kernel takes time proportional to the number of
 * gateway routes of a device to add one more; where it has no nexthop objects (before 5.3), as they are. Confined to its {@link PeerTable}.
 */
final class GatewayRoutes {
  private static final int RTN_UNICAST = 1;

  private final int link;
  private final NexthopIds ids;
  private boolean nexthopObjects;

  /** @param idSeed differs between the networks of one namespace, so that their nexthop ids do */
  GatewayRoutes(int link, int idSeed, boolean nexthopObjects) {
    this.link = link;
    this.ids = new NexthopIds(idSeed);
    this.nexthopObjects = nexthopObjects;
  }

  /** Returns which nexthop object stands for which gateway. */
  NexthopIds ids() {
    return ids;
  }

  boolean haveNexthopObjects() {
    return nexthopObjects;
  }

  /** Notes that the kernel does not know nexthop objects. */
  void doWithoutNexthopObjects() {
    nexthopObjects = false;
  }

  /** Returns the nexthop object that {@code entry} leads through, with id 0 if it has none yet; null if it needs none. */
  @Nullable
  Nexthop nexthopOf(ForwardingEntry entry) {
    return nexthopObjects
            && entry instanceof Route route
            && route.linkIndex() == link
            && route.gateway() != null
        ? nexthop(route.gateway())
        : null;
  }

  private Nexthop nexthop(IpAddress gateway) {
    return new Nexthop(ids.of(gateway), link, gateway, PeerTable.PROTOCOL);
  }

  boolean isOurs(Nexthop nexthop) {
    return nexthop.linkIndex() == link && nexthop.protocol() == PeerTable.PROTOCOL;
  }

  /** Returns the entry as it is written: a nexthop object with its id, a gateway route by way of its nexthop object. */
  ForwardingEntry realized(ForwardingEntry entry) {
    if (entry instanceof Nexthop nexthop) {
      return nexthop(nexthop.gateway());
    }
    var through = nexthopOf(entry);
    if (through == null) {
      return entry;
    }
    var route = (Route) entry;
    return new Route(
        route.destination(), link, null, false, through.id(), route.protocol(), route.metric());
  }

  /** Returns whether {@code found}, of the same key, is what is wanted. */
  boolean matches(ForwardingEntry wanted, ForwardingEntry found) {
    if (wanted instanceof Nexthop) {
      var nexthop = (Nexthop) found;
      return nexthop.id() == ids.of(nexthop.gateway());
    }
    var through = nexthopOf(wanted);
    if (through == null) {
      return wanted.equals(found);
    }
    var route = (Route) found;
    return route.nexthopId() != 0
        && route.nexthopId() == through.id()
        && route.protocol() == ((Route) wanted).protocol();
  }

  /** Returns whether {@code found}, of the same key, is what is wanted. */
  boolean matches(Route wanted, KernelRoute found) {
    if (found.type() != RTN_UNICAST || found.protocol() != wanted.protocol()) {
      return false;
    }
    var through = nexthopOf(wanted);
    if (through != null) {
      return found.nexthopId() != 0 && found.nexthopId() == through.id();
    }
    return found.nexthopId() == 0
        && found.hops().size() == 1
        && found.hops().get(0).linkIndex() == wanted.linkIndex()
        && Objects.equals(found.hops().get(0).gateway(), wanted.gateway());
  }
}
