package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import org.jspecify.annotations.Nullable;

/** Routes in rtnetlink's words. */
final class RouteMessages {
  static final int RTM_NEWROUTE = 24;
  static final int RTM_DELROUTE = 25;
  static final int RTM_GETROUTE = 26;
  static final int RT_TABLE_MAIN = 254;

  private static final int RTA_DST = 1;
  private static final int RTA_OIF = 4;
  private static final int RTA_GATEWAY = 5;
  private static final int RTA_PRIORITY = 6;
  private static final int RTA_PREFSRC = 7;
  private static final int RTA_MULTIPATH = 9;
  private static final int RTA_TABLE = 15;
  private static final int RTA_VIA = 18;
  private static final int RTA_NH_ID = 30;

  private static final int RTN_UNICAST = 1;
  static final int RTN_BLACKHOLE = 6;
  private static final int RT_SCOPE_UNIVERSE = 0;
  private static final int RT_SCOPE_LINK = 253;
  private static final int RT_SCOPE_NOWHERE = 255;
  private static final int RTNH_F_ONLINK = 4;
  private static final int RTM_F_CLONED = 0x200;
  private static final int RTM_F_LOOKUP_TABLE = 0x1000;
  private static final int NLM_F_DUMP_FILTERED = 0x20;

  private static final int PREFIX_OFFSET = 1;
  private static final int TABLE_OFFSET = 4;
  private static final int PROTOCOL_OFFSET = 5;
  private static final int SCOPE_OFFSET = 6;
  private static final int TYPE_OFFSET = 7;
  private static final int FLAGS_OFFSET = 8;
  private static final int HEADER_BYTES = 12;
  private static final int RTNEXTHOP_BYTES = 8;

  private RouteMessages() {}

  static void encode(MessageWriter writer, ForwardingEntry.Route route) {
    boolean linkScope = route.gateway() == null
        && route.nexthopId() == 0
        && route.destination().family() == IpFamily.V4;
    encode(writer, route, linkScope ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
  }

  /** Writes what removes {@code route} and nothing else that has the same destination. */
  static void encodeRemoval(MessageWriter writer, ForwardingEntry.Route route) {
    encode(writer, route, RT_SCOPE_NOWHERE);
  }

  private static void encode(MessageWriter writer, ForwardingEntry.Route route, int scope) {
    var destination = route.destination();
    header(
        writer, destination.family(), destination.length(), route.protocol(), scope, RTN_UNICAST);
    writer.u32(route.onlink() && route.nexthopId() == 0 ? RTNH_F_ONLINK : 0);
    writer.ip(RTA_DST, destination.base());
    if (route.metric() != 0) {
      writer.u32(RTA_PRIORITY, route.metric());
    }
    if (route.nexthopId() != 0) {
      // The kernel refuses a link or gateway beside the object that decides both.
      writer.u32(RTA_NH_ID, route.nexthopId());
      return;
    }
    if (route.gateway() != null) {
      writer.ip(RTA_GATEWAY, route.gateway());
    }
    if (route.linkIndex() != 0) {
      writer.u32(RTA_OIF, route.linkIndex());
    }
  }

  /** Writes a route that drops what is sent by it, or what removes such a one. */
  static void encodeBlackHole(
      MessageWriter writer, IpPrefix destination, int protocol, int metric) {
    header(
        writer,
        destination.family(),
        destination.length(),
        protocol,
        RT_SCOPE_UNIVERSE,
        RTN_BLACKHOLE);
    writer.u32(0).ip(RTA_DST, destination.base()).u32(RTA_PRIORITY, metric);
  }

  /** Writes a request for the routes of the main table that drop, of both families. */
  static void encodeBlackHoleDumpRequest(MessageWriter writer) {
    writer.u32(0).u8(RT_TABLE_MAIN).u8(0).u8(0).u8(RTN_BLACKHOLE).u32(0);
  }

  /** Writes a request for the main table of a family; link and protocol 0 for any. */
  static void encodeDumpRequest(MessageWriter writer, int family, int linkIndex, int protocol) {
    writer
        .u8(family)
        .u8(0)
        .u8(0)
        .u8(0)
        .u8(RT_TABLE_MAIN)
        .u8(protocol)
        .u8(0)
        .u8(0)
        .u32(0);
    if (linkIndex != 0) {
      writer.u32(RTA_OIF, linkIndex);
    }
  }

  static void encodeLookup(MessageWriter writer, IpAddress destination) {
    header(writer, destination.family(), destination.family().bits(), 0, 0, 0);
    // IPv4 says "main" unless asked for the table; IPv6 always says the table and refuses to be
    // asked.
    writer
        .u32(destination.family() == IpFamily.V4 ? RTM_F_LOOKUP_TABLE : 0)
        .ip(RTA_DST, destination);
  }

  private static void header(
      MessageWriter writer, IpFamily family, int length, int protocol, int scope, int type) {
    writer.u8(AddressFamily.of(family)).u8(length).u8(0).u8(0);
    writer.u8(type == 0 ? 0 : RT_TABLE_MAIN).u8(protocol).u8(scope).u8(type);
  }

  /** Returns the route that {@code message} tells of, null if it is about something else or a mere cache entry. */
  static @Nullable KernelRoute decode(MessageReader message) throws MalformedMessageException {
    return isRoute(message) && (message.u32(FLAGS_OFFSET) & RTM_F_CLONED) == 0
        ? decodeAny(message)
        : null;
  }

  /** Returns the answer to a look-up. */
  static @Nullable KernelRoute decodeLookup(MessageReader message)
      throws MalformedMessageException {
    return isRoute(message) ? decodeAny(message) : null;
  }

  /** Returns whether {@code message} tells of a route to everywhere, without a look at its attributes. */
  static boolean isDefault(MessageReader message) throws MalformedMessageException {
    return isRoute(message) && message.u8(PREFIX_OFFSET) == 0;
  }

  private static boolean isRoute(MessageReader message) {
    return message.type() == RTM_NEWROUTE || message.type() == RTM_DELROUTE;
  }

  private static @Nullable KernelRoute decodeAny(MessageReader message)
      throws MalformedMessageException {
    var family = AddressFamily.toIp(message.u8(0));
    if (family == null) {
      return null;
    }
    int table = message.u8(TABLE_OFFSET);
    boolean onlink = (message.u32(FLAGS_OFFSET) & RTNH_F_ONLINK) != 0;
    IpAddress base = IpAddress.unspecified(family);
    IpAddress gateway = null;
    IpAddress preferredSource = null;
    int linkIndex = 0;
    int metric = 0;
    int nexthopId = 0;
    ImmutableList<KernelRoute.Hop> hops = null;
    var attributes = message.attributes(HEADER_BYTES);
    while (attributes.next()) {
      switch (attributes.type()) {
        case RTA_DST -> base = attributes.ip();
        case RTA_OIF -> linkIndex = attributes.u32();
        case RTA_GATEWAY -> gateway = attributes.ip();
        case RTA_VIA -> gateway = attributes.ip(2);
        case RTA_PRIORITY -> metric = attributes.u32();
        case RTA_PREFSRC -> preferredSource = attributes.ip();
        case RTA_TABLE -> table = attributes.u32();
        case RTA_NH_ID -> nexthopId = attributes.u32();
        case RTA_MULTIPATH -> hops = decodeHops(attributes);
        default -> {}
      }
    }
    if (hops == null) {
      hops = linkIndex == 0 && gateway == null
          ? ImmutableList.of()
          : ImmutableList.of(new KernelRoute.Hop(linkIndex, gateway, onlink));
    }
    return new KernelRoute(
        prefix(family, base, message.u8(PREFIX_OFFSET)),
        table,
        message.u8(TYPE_OFFSET),
        message.u8(SCOPE_OFFSET),
        message.u8(PROTOCOL_OFFSET),
        metric,
        preferredSource,
        nexthopId,
        hops);
  }

  private static IpPrefix prefix(IpFamily family, IpAddress base, int length)
      throws MalformedMessageException {
    if (base.family() != family || length > family.bits()) {
      throw new MalformedMessageException(
          "a route of %s has the destination %s/%d", family, base, length);
    }
    return new IpPrefix(base, length);
  }

  /** An array of struct rtnexthop (length, flags, hops, link index), each with attributes of its own. */
  private static ImmutableList<KernelRoute.Hop> decodeHops(Attributes multipath)
      throws MalformedMessageException {
    var hops = ImmutableList.<KernelRoute.Hop>builder();
    int at = 0;
    while (multipath.length() - at >= RTNEXTHOP_BYTES) {
      int length = multipath.u16At(at);
      if (length < RTNEXTHOP_BYTES || length > multipath.length() - at) {
        throw new MalformedMessageException(
            "a hop claims %d bytes of %d", length, multipath.length() - at);
      }
      IpAddress gateway = null;
      var attributes = multipath.nested(at + RTNEXTHOP_BYTES, at + length);
      while (attributes.next()) {
        switch (attributes.type()) {
          case RTA_GATEWAY -> gateway = attributes.ip();
          case RTA_VIA -> gateway = attributes.ip(2);
          default -> {}
        }
      }
      boolean onlink = (multipath.u8At(at + 2) & RTNH_F_ONLINK) != 0;
      hops.add(new KernelRoute.Hop(multipath.u32At(at + 4), gateway, onlink));
      at += MessageReader.aligned(length);
    }
    return hops.build();
  }

  /**
   * Returns the entry for a unicast route of the main table; null for other routes and for those that an entry cannot express.
   *
   * @param linkIndex the link asked for, 0 for any
   * @param protocol the protocol asked for, 0 for any
   */
  static ForwardingEntry.@Nullable Route decodeEntry(
      MessageReader message, int linkIndex, int protocol) throws MalformedMessageException {
    var route = decode(message);
    if (route == null
        || route.table() != RT_TABLE_MAIN
        || route.type() != RTN_UNICAST
        || protocol != 0 && route.protocol() != protocol) {
      return null;
    }
    if (route.nexthopId() != 0) {
      // With net.ipv4.nexthop_compat_mode=0 the kernel names no link but still filters by it.
      boolean filtered = message.hasFlag(NLM_F_DUMP_FILTERED) && linkIndex != 0;
      int link =
          route.hops().size() == 1 ? route.hops().get(0).linkIndex() : filtered ? linkIndex : 0;
      return linkIndex != 0 && link != linkIndex
          ? null
          : new ForwardingEntry.Route(
              route.destination(),
              link,
              null,
              false,
              route.nexthopId(),
              route.protocol(),
              route.metric());
    }
    if (route.hops().size() != 1) {
      return null;
    }
    var hop = route.hops().get(0);
    return linkIndex != 0 && hop.linkIndex() != linkIndex
        ? null
        : new ForwardingEntry.Route(
            route.destination(),
            hop.linkIndex(),
            hop.gateway(),
            hop.onlink(),
            0,
            route.protocol(),
            route.metric());
  }
}
