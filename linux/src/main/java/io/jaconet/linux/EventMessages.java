package io.jaconet.linux;

import org.jspecify.annotations.Nullable;

/** Notifications in rtnetlink's words. */
final class EventMessages {
  private EventMessages() {}

  /** Returns the event that {@code message} tells of, null if it is of no interest. */
  static @Nullable NetlinkEvent decode(MessageReader message) throws MalformedMessageException {
    return switch (message.type()) {
      case LinkMessages.RTM_NEWLINK -> link(false, message);
      case LinkMessages.RTM_DELLINK -> link(true, message);
      case AddressMessages.RTM_NEWADDR -> address(false, message);
      case AddressMessages.RTM_DELADDR -> address(true, message);
      case RouteMessages.RTM_NEWROUTE -> route(false, message);
      case RouteMessages.RTM_DELROUTE -> route(true, message);
      case NeighborMessages.RTM_NEWNEIGH -> neighbor(false, message);
      case NeighborMessages.RTM_DELNEIGH -> neighbor(true, message);
      case NexthopMessages.RTM_NEWNEXTHOP -> nexthop(false, message);
      case NexthopMessages.RTM_DELNEXTHOP -> nexthop(true, message);
      default -> null;
    };
  }

  /** A link that leaves its bridge is reported as a removal by the bridge, which is none of the link itself. */
  private static @Nullable NetlinkEvent link(boolean removed, MessageReader message)
      throws MalformedMessageException {
    var link = message.u8(0) == AddressFamily.AF_BRIDGE ? null : LinkMessages.decode(message);
    return link == null ? null : new NetlinkEvent.LinkChanged(removed, link);
  }

  private static @Nullable NetlinkEvent address(boolean removed, MessageReader message)
      throws MalformedMessageException {
    var address = AddressMessages.decode(message);
    return address == null ? null : new NetlinkEvent.AddressChanged(removed, address);
  }

  private static @Nullable NetlinkEvent route(boolean removed, MessageReader message)
      throws MalformedMessageException {
    var route = RouteMessages.decode(message);
    return route == null ? null : new NetlinkEvent.RouteChanged(removed, route);
  }

  private static NetlinkEvent nexthop(boolean removed, MessageReader message)
      throws MalformedMessageException {
    return new NetlinkEvent.NexthopChanged(
        removed, NexthopMessages.decodeId(message), NexthopMessages.decode(message));
  }

  private static @Nullable NetlinkEvent neighbor(boolean removed, MessageReader message)
      throws MalformedMessageException {
    var any = NeighborMessages.decode(message);
    if (any == null) {
      return null;
    }
    if (any.isFdb()) {
      return any.mac() == null
          ? null
          : new NetlinkEvent.FdbChanged(
              removed, any.linkIndex(), any.mac(), any.destination(), any.permanent());
    }
    return any.destination() == null
        ? null
        : new NetlinkEvent.NeighborChanged(
            removed, any.linkIndex(), any.destination(), any.mac(), any.permanent());
  }
}
