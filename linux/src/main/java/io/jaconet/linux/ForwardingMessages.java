package io.jaconet.linux;

/** Changes of forwarding entries in rtnetlink's words. */
final class ForwardingMessages {
  private static final int NLM_F_REQUEST = 1;
  private static final int NLM_F_REPLACE = 0x100;
  private static final int NLM_F_EXCL = 0x200;
  private static final int NLM_F_CREATE = 0x400;

  private ForwardingMessages() {}

  static void encode(MessageWriter writer, EntryChange change) {
    boolean remove = change.mode() == EntryChange.Mode.REMOVE;
    int flags = switch (change.mode()) {
      case CREATE -> NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
      case REPLACE -> NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
      case REMOVE -> NLM_F_REQUEST;
    };
    var entry = change.entry();
    if (entry instanceof ForwardingEntry.Neighbor neighbor) {
      writer.begin(remove ? NeighborMessages.RTM_DELNEIGH : NeighborMessages.RTM_NEWNEIGH, flags);
      NeighborMessages.encode(writer, neighbor);
    } else if (entry instanceof ForwardingEntry.Fdb fdb) {
      writer.begin(remove ? NeighborMessages.RTM_DELNEIGH : NeighborMessages.RTM_NEWNEIGH, flags);
      NeighborMessages.encode(writer, fdb);
    } else if (entry instanceof ForwardingEntry.Nexthop nexthop) {
      writer.begin(remove ? NexthopMessages.RTM_DELNEXTHOP : NexthopMessages.RTM_NEWNEXTHOP, flags);
      if (remove) {
        NexthopMessages.encodeRemoval(writer, nexthop);
      } else {
        NexthopMessages.encode(writer, nexthop);
      }
    } else if (entry instanceof ForwardingEntry.Route route) {
      writer.begin(remove ? RouteMessages.RTM_DELROUTE : RouteMessages.RTM_NEWROUTE, flags);
      if (remove) {
        RouteMessages.encodeRemoval(writer, route);
      } else {
        RouteMessages.encode(writer, route);
      }
    }
  }
}
