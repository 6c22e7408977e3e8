package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * The kernel's links, addresses, routes and forwarding entries in one network namespace. Each call is done when it returns and
 * throws {@link SyscallException} if the kernel refused. Dumps are repeated if the kernel's tables change underneath; if that
 * goes on and on they end with an {@link IOException}.
 *
 * <p>Confined to one thread: it may be handed over but not used by two at a time. An instance stays in the namespace it was
 * opened in, whichever thread uses it.
 */
public final class RtNetlink implements ForwardingTables, AutoCloseable {
  private static final int NLM_F_EXCL = 0x200;
  private static final int NLM_F_CREATE = 0x400;
  private static final int RECEIVE_BUFFER_BYTES = 2 << 20;

  private final NetlinkConversation kernel;

  RtNetlink(NetlinkTransport transport) {
    this.kernel = new NetlinkConversation(transport);
  }

  /** Opens a connection to the kernel in the network namespace of the calling thread. */
  public static RtNetlink open() throws SyscallException {
    return new RtNetlink(NetlinkSocket.open(0, RECEIVE_BUFFER_BYTES));
  }

  /** Returns all links. */
  public ImmutableList<Link> links() throws IOException {
    var writer = kernel.dumpRequest(LinkMessages.RTM_GETLINK);
    LinkMessages.withoutStatistics(LinkMessages.header(writer, 0, 0, 0));
    return kernel.dump("dump(links)", LinkMessages::decode);
  }

  /** Returns the link of this name; empty also if no link could have it. */
  public Optional<Link> link(String name) throws IOException {
    if (!LinkMessages.isName(name)) {
      return Optional.empty();
    }
    var writer = LinkMessages.header(kernel.request(LinkMessages.RTM_GETLINK, 0), 0, 0, 0);
    LinkMessages.withoutStatistics(writer.text(LinkMessages.IFLA_IFNAME, name));
    return existing("getlink(" + name + ")");
  }

  /** Returns the link of this index. */
  public Optional<Link> link(int index) throws IOException {
    checkIndex(index);
    LinkMessages.withoutStatistics(
        LinkMessages.header(kernel.request(LinkMessages.RTM_GETLINK, 0), index, 0, 0));
    return existing("getlink(" + index + ")");
  }

  private Optional<Link> existing(String call) throws IOException {
    try {
      return Optional.of(kernel.get(call, LinkMessages::decode));
    } catch (SyscallException e) {
      if (e.errno() == Errno.ENODEV) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /**
   * Creates a VXLAN device, down, without a transmit queue.
   *
   * @param mtu the wish, in bytes, 0 for none; the kernel silently lowers it to what the lower link can carry
   * @return the device as it is, which need not be as it was asked for
   */
  public Link createVxlan(String name, MacAddress mac, int mtu, VxlanLink settings)
      throws IOException {
    LinkMessages.vxlan(newLink(name), name, mac, mtu, settings);
    kernel.execute("newlink(" + name + ")");
    return created(name);
  }

  /**
   * Gives a VXLAN device, which keeps its index and all that leads through it, the lower link, the outer source address and the learning of
   * {@code settings}. Another VNI is refused; the other settings stay as they are.
   */
  public void changeVxlan(int index, VxlanLink settings) throws IOException {
    checkIndex(index);
    LinkMessages.vxlanChange(
        LinkMessages.header(kernel.request(LinkMessages.RTM_NEWLINK, 0), index, 0, 0), settings);
    kernel.execute("newlink(" + index + ", " + settings + ")");
  }

  /** Creates a pair of connected links, both down. */
  public Link createVeth(String name, String peerName) throws IOException {
    return createVeth(name, peerName, -1);
  }

  /**
   * Creates a pair of connected links, both down.
   *
   * @param peerNamespaceFd an open network namespace, where the peer comes to be
   * @return the end that is here
   */
  public Link createVeth(String name, String peerName, int peerNamespaceFd) throws IOException {
    LinkMessages.veth(newLink(name), name, LinkMessages.checkedName(peerName), peerNamespaceFd);
    kernel.execute("newlink(" + name + ")");
    return created(name);
  }

  /** Creates a bridge, down and without ports. */
  public Link createBridge(String name) throws IOException {
    LinkMessages.kind(newLink(name).text(LinkMessages.IFLA_IFNAME, name), "bridge");
    kernel.execute("newlink(" + name + ")");
    return created(name);
  }

  private MessageWriter newLink(String name) {
    LinkMessages.checkedName(name);
    return LinkMessages.header(
        kernel.request(LinkMessages.RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL), 0, 0, 0);
  }

  private Link created(String name) throws IOException {
    return link(name)
        .orElseThrow(() -> new IOException(name + " was removed as soon as it was created"));
  }

  /** Removes a virtual link and what stands on it; of a veth pair, both ends. */
  public void deleteLink(int index) throws IOException {
    checkIndex(index);
    LinkMessages.header(kernel.request(LinkMessages.RTM_DELLINK, 0), index, 0, 0);
    kernel.execute("dellink(" + index + ")");
  }

  /** Sets the link up. */
  public void setUp(int index) throws IOException {
    setFlags(index, LinkMessages.IFF_UP);
  }

  /** Sets the link down, upon which the kernel drops its routes, neighbors and nexthop objects. */
  public void setDown(int index) throws IOException {
    setFlags(index, 0);
  }

  private void setFlags(int index, int flags) throws IOException {
    checkIndex(index);
    LinkMessages.header(
        kernel.request(LinkMessages.RTM_SETLINK, 0), index, flags, LinkMessages.IFF_UP);
    kernel.execute("setlink(" + index + (flags == 0 ? ", down)" : ", up)"));
  }

  /** Sets the MTU, in bytes. */
  public void setMtu(int index, int mtu) throws IOException {
    setLink(index).u32(LinkMessages.IFLA_MTU, mtu);
    kernel.execute("setlink(" + index + ", mtu " + mtu + ")");
  }

  /** Sets the Ethernet address. */
  public void setMac(int index, MacAddress mac) throws IOException {
    setLink(index).mac(LinkMessages.IFLA_ADDRESS, mac);
    kernel.execute("setlink(" + index + ", address " + mac + ")");
  }

  /** Makes the link a port of a bridge; {@code masterIndex} 0 takes it out of its bridge. */
  public void setMaster(int index, int masterIndex) throws IOException {
    setLink(index).u32(LinkMessages.IFLA_MASTER, masterIndex);
    kernel.execute("setlink(" + index + ", master " + masterIndex + ")");
  }

  /** Moves the link into an open network namespace, where it is down, without addresses, and may get another index. */
  public void moveToNamespace(int index, int namespaceFd) throws IOException {
    setLink(index).u32(LinkMessages.IFLA_NET_NS_FD, namespaceFd);
    kernel.execute("setlink(" + index + ", netns " + namespaceFd + ")");
  }

  /** Renames the link; older kernels refuse this with EBUSY while it is up. */
  public void rename(int index, String name) throws IOException {
    setLink(index).text(LinkMessages.IFLA_IFNAME, LinkMessages.checkedName(name));
    kernel.execute("setlink(" + index + ", name " + name + ")");
  }

  private MessageWriter setLink(int index) {
    checkIndex(index);
    return LinkMessages.header(kernel.request(LinkMessages.RTM_SETLINK, 0), index, 0, 0);
  }

  private static void checkIndex(int index) {
    checkArgument(index > 0, "%s is not an interface index", index);
  }

  /** Returns the addresses of all links, of both families. */
  public ImmutableList<LinkAddress> addresses() throws IOException {
    AddressMessages.encodeDumpRequest(kernel.dumpRequest(AddressMessages.RTM_GETADDR));
    return kernel.dump("dump(addresses)", AddressMessages::decode);
  }

  /** Adds an address of scope universe, usable at once; refused with EEXIST if the link has it. */
  public void addAddress(int linkIndex, IpAddress address, int prefixLength) throws IOException {
    checkIndex(linkIndex);
    var writer = kernel.request(AddressMessages.RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    AddressMessages.encode(writer, linkIndex, address, prefixLength);
    kernel.execute("newaddr(" + address + "/" + prefixLength + " on " + linkIndex + ")");
  }

  /** Removes an address; refused with EADDRNOTAVAIL if the link does not have it. */
  public void removeAddress(int linkIndex, IpAddress address, int prefixLength) throws IOException {
    checkIndex(linkIndex);
    AddressMessages.encode(
        kernel.request(AddressMessages.RTM_DELADDR, 0), linkIndex, address, prefixLength);
    kernel.execute("deladdr(" + address + "/" + prefixLength + " on " + linkIndex + ")");
  }

  /** Returns the main table's routes of both families, whoever made them. */
  public ImmutableList<KernelRoute> routes() throws IOException {
    requestRoutes(0, 0);
    return kernel.dump("dump(routes)", message -> {
      var route = RouteMessages.decode(message);
      return route != null && route.table() == RouteMessages.RT_TABLE_MAIN ? route : null;
    });
  }

  /** Returns the main table's default routes of both families, whoever made them. */
  public ImmutableList<KernelRoute> defaultRoutes() throws IOException {
    requestRoutes(0, 0);
    return kernel.dump("dump(default routes)", message -> {
      var route = RouteMessages.isDefault(message) ? RouteMessages.decode(message) : null;
      return route != null && route.table() == RouteMessages.RT_TABLE_MAIN ? route : null;
    });
  }

  /** Returns how the kernel would send a packet of this host to {@code destination}; empty if it has no route. */
  public Optional<KernelRoute> routeTo(IpAddress destination) throws IOException {
    RouteMessages.encodeLookup(kernel.request(RouteMessages.RTM_GETROUTE, 0), destination);
    try {
      return Optional.of(kernel.get("getroute(" + destination + ")", RouteMessages::decodeLookup));
    } catch (SyscallException e) {
      if (e.errno() == Errno.ENETUNREACH || e.errno() == Errno.EHOSTUNREACH) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Returns the main table's routes of both families that drop what is sent by them, whoever made them. */
  public ImmutableList<KernelRoute> blackHoles() throws IOException {
    RouteMessages.encodeBlackHoleDumpRequest(kernel.dumpRequest(RouteMessages.RTM_GETROUTE));
    return kernel.dump("dump(black holes)", message -> {
      var route = RouteMessages.decode(message);
      return route != null
              && route.table() == RouteMessages.RT_TABLE_MAIN
              && route.type() == RouteMessages.RTN_BLACKHOLE
          ? route
          : null;
    });
  }

  /** Adds a route of the main table that drops what is sent by it; refused with EEXIST if there is one of that metric. */
  public void addBlackHole(IpPrefix destination, int protocol, int metric) throws IOException {
    RouteMessages.encodeBlackHole(
        kernel.request(RouteMessages.RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL),
        destination,
        protocol,
        metric);
    kernel.execute("newroute(blackhole " + destination + ")");
  }

  /** Removes a route that {@link #addBlackHole} added; refused with ESRCH if it is not there. */
  public void removeBlackHole(IpPrefix destination, int protocol, int metric) throws IOException {
    RouteMessages.encodeBlackHole(
        kernel.request(RouteMessages.RTM_DELROUTE, 0), destination, protocol, metric);
    kernel.execute("delroute(blackhole " + destination + ")");
  }

  @Override
  public ImmutableList<ForwardingEntry.Route> routes(int linkIndex, int protocol)
      throws IOException {
    requestRoutes(linkIndex, protocol);
    return kernel.dump(
        "dump(routes)", message -> RouteMessages.decodeEntry(message, linkIndex, protocol));
  }

  private void requestRoutes(int linkIndex, int protocol) {
    var writer = kernel.dumpRequest(RouteMessages.RTM_GETROUTE);
    RouteMessages.encodeDumpRequest(writer, AddressFamily.AF_UNSPEC, linkIndex, protocol);
  }

  @Override
  public ImmutableList<ForwardingEntry.Neighbor> neighbors(int linkIndex) throws IOException {
    checkIndex(linkIndex);
    NeighborMessages.encodeNeighborDumpRequest(
        kernel.dumpRequest(NeighborMessages.RTM_GETNEIGH), linkIndex);
    return kernel.dump("dump(neighbors)", message -> {
      var any = NeighborMessages.decode(message);
      return any != null && any.linkIndex() == linkIndex ? any.toNeighbor() : null;
    });
  }

  @Override
  public ImmutableList<ForwardingEntry.Fdb> fdb(int linkIndex) throws IOException {
    checkIndex(linkIndex);
    NeighborMessages.encodeFdbDumpRequest(
        kernel.dumpRequest(NeighborMessages.RTM_GETNEIGH), linkIndex);
    return kernel.dump("dump(fdb)", message -> {
      var any = NeighborMessages.decode(message);
      return any != null && any.linkIndex() == linkIndex ? any.toFdb() : null;
    });
  }

  @Override
  public ImmutableList<ForwardingEntry.Nexthop> nexthops(int linkIndex) throws IOException {
    NexthopMessages.encodeDumpRequest(
        kernel.dumpRequest(NexthopMessages.RTM_GETNEXTHOP), linkIndex);
    return kernel.dump("dump(nexthops)", message -> {
      var nexthop = NexthopMessages.decode(message);
      return nexthop != null && (linkIndex == 0 || nexthop.linkIndex() == linkIndex)
          ? nexthop
          : null;
    });
  }

  @Override
  public ImmutableList<EntryFailure> apply(List<EntryChange> changes) throws IOException {
    var failures = ImmutableList.<EntryFailure>builder();
    kernel.batch(
        changes.size(),
        (index, writer) -> ForwardingMessages.encode(writer, changes.get(index)),
        (index, errno, explanation) ->
            failures.add(new EntryFailure(changes.get(index), errno, explanation)));
    return failures.build();
  }

  /** Closes the connection. */
  @Override
  public void close() throws SyscallException {
    kernel.close();
  }
}
