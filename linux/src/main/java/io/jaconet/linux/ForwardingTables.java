package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.util.List;

/** The kernel's forwarding entries as a {@link PeerTable} reads and writes them: {@link RtNetlink}, or a fake in tests. */
public interface ForwardingTables {

  /**
   * Makes {@code changes} in their order, each whatever became of the ones before it.
   *
   * @return what the kernel refused, in order; empty if all went well
   * @throws IOException if the kernel's answers were lost: some of the changes are then made, and a dump must tell which
   */
  ImmutableList<EntryFailure> apply(List<EntryChange> changes) throws IOException;

  /** Returns the permanent neighbors of a link, of both families. */
  ImmutableList<ForwardingEntry.Neighbor> neighbors(int linkIndex) throws IOException;

  /** Returns the permanent entries of a VXLAN device's own forwarding database. */
  ImmutableList<ForwardingEntry.Fdb> fdb(int linkIndex) throws IOException;

  /**
   * Returns the nexthop objects with an on-link gateway.
   *
   * @param linkIndex the link they use, 0 for any
   */
  ImmutableList<ForwardingEntry.Nexthop> nexthops(int linkIndex) throws IOException;

  /**
   * Returns the main table's unicast routes of both families that have at most one hop.
   *
   * @param linkIndex the link they use, 0 for any
   * @param protocol who made them, 0 for any
   */
  ImmutableList<ForwardingEntry.Route> routes(int linkIndex, int protocol) throws IOException;
}
