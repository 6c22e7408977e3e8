package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import org.jspecify.annotations.Nullable;

/** Nexthop objects in rtnetlink's words. */
final class NexthopMessages {
  static final int RTM_NEWNEXTHOP = 104;
  static final int RTM_DELNEXTHOP = 105;
  static final int RTM_GETNEXTHOP = 106;

  private static final int NHA_ID = 1;
  private static final int NHA_OIF = 5;
  private static final int NHA_GATEWAY = 6;
  private static final int RTNH_F_ONLINK = 4;
  private static final int PROTOCOL_OFFSET = 2;
  private static final int FLAGS_OFFSET = 4;
  private static final int HEADER_BYTES = 8;

  private NexthopMessages() {}

  static void encode(MessageWriter writer, ForwardingEntry.Nexthop nexthop) {
    writer
        .u8(AddressFamily.of(nexthop.gateway().family()))
        .u8(0)
        .u8(nexthop.protocol())
        .u8(0)
        .u32(RTNH_F_ONLINK);
    writer
        .u32(NHA_ID, nexthop.id())
        .ip(NHA_GATEWAY, nexthop.gateway())
        .u32(NHA_OIF, nexthop.linkIndex());
  }

  static void encodeRemoval(MessageWriter writer, ForwardingEntry.Nexthop nexthop) {
    writer.u32(0).u32(0).u32(NHA_ID, nexthop.id());
  }

  /** Writes a request for the nexthop objects of a link, 0 for any. */
  static void encodeDumpRequest(MessageWriter writer, int linkIndex) {
    writer.u32(0).u32(0);
    if (linkIndex != 0) {
      writer.u32(NHA_OIF, linkIndex);
    }
  }

  /** Returns the object's id, -1 if {@code message} is about something else. */
  static int decodeId(MessageReader message) throws MalformedMessageException {
    if (message.type() == RTM_NEWNEXTHOP || message.type() == RTM_DELNEXTHOP) {
      var attributes = message.attributes(HEADER_BYTES);
      while (attributes.next()) {
        if (attributes.type() == NHA_ID) {
          return attributes.u32();
        }
      }
    }
    return -1;
  }

  /** Returns the object that {@code message} tells of; null for groups, blackholes and gateways that are not on-link. */
  static ForwardingEntry.@Nullable Nexthop decode(MessageReader message)
      throws MalformedMessageException {
    if (message.type() != RTM_NEWNEXTHOP && message.type() != RTM_DELNEXTHOP) {
      return null;
    }
    int protocol = message.u8(PROTOCOL_OFFSET);
    boolean onlink = (message.u32(FLAGS_OFFSET) & RTNH_F_ONLINK) != 0;
    int id = 0;
    int linkIndex = 0;
    IpAddress gateway = null;
    var attributes = message.attributes(HEADER_BYTES);
    while (attributes.next()) {
      switch (attributes.type()) {
        case NHA_ID -> id = attributes.u32();
        case NHA_OIF -> linkIndex = attributes.u32();
        case NHA_GATEWAY -> gateway = attributes.ip();
        default -> {}
      }
    }
    return onlink && gateway != null
        ? new ForwardingEntry.Nexthop(id, linkIndex, gateway, protocol)
        : null;
  }
}
