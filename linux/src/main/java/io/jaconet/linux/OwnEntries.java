package io.jaconet.linux;

import io.jaconet.linux.ForwardingEntry.Nexthop;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.net.IpPrefix;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** What the kernel's tables have of ours, as {@link PeerTable} defines it. Confined to its thread. */
final class OwnEntries {
  /** {@code RTPROT_BOOT}, which flanneld's routes bear. */
  private static final int BOOT = 3;

  private final ForwardingTables tables;
  private final int link;
  private final IpPrefix network;
  private final GatewayRoutes gateways;

  OwnEntries(ForwardingTables tables, int link, IpPrefix network, GatewayRoutes gateways) {
    this.tables = tables;
    this.link = link;
    this.network = network;
    this.gateways = gateways;
  }

  /**
   * Reads one table. A nexthop object that is found for a wanted gateway is the gateway's from then on, if it had none.
   *
   * @throws IOException if the kernel could not be asked
   */
  List<ForwardingEntry> read(EntryKind kind, Predicate<Nexthop> isWanted) throws IOException {
    return switch (kind) {
      case NEIGHBORS -> List.copyOf(tables.neighbors(link));
      case FDB -> List.copyOf(tables.fdb(link));
      case NEXTHOPS -> nexthops(isWanted);
      case ROUTES -> routes();
    };
  }

  private List<ForwardingEntry> nexthops(Predicate<Nexthop> isWanted) throws IOException {
    var ids = gateways.ids();
    ids.forgetTaken();
    List<ForwardingEntry> ours = new ArrayList<>();
    for (Nexthop nexthop : tables.nexthops(0)) {
      ids.seen(nexthop.id());
      if (gateways.isOurs(nexthop)) {
        if (ids.of(nexthop.gateway()) == 0 && isWanted.test(nexthop)) {
          ids.bind(nexthop.gateway(), nexthop.id());
        }
        ours.add(nexthop);
      }
    }
    return ours;
  }

  private List<ForwardingEntry> routes() throws IOException {
    List<ForwardingEntry> ours = new ArrayList<>();
    for (Route route : tables.routes(link, BOOT)) {
      if (network.contains(route.destination())
          && route.destination().base().equals(route.gateway())) {
        ours.add(route);
      }
    }
    for (Route route : tables.routes(0, PeerTable.PROTOCOL)) {
      if (network.contains(route.destination())) {
        ours.add(route);
      }
    }
    return ours;
  }
}
