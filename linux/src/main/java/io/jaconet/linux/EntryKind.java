package io.jaconet.linux;

/** The tables of the kernel's that know of peers, in the order in which they are compared: a route's nexthop object comes before it. */
enum EntryKind {
  NEIGHBORS,
  FDB,
  NEXTHOPS,
  ROUTES;

  static EntryKind of(ForwardingEntry entry) {
    if (entry instanceof ForwardingEntry.Neighbor) {
      return NEIGHBORS;
    }
    if (entry instanceof ForwardingEntry.Fdb) {
      return FDB;
    }
    return entry instanceof ForwardingEntry.Route ? ROUTES : NEXTHOPS;
  }
}
