package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.MacAddress;
import org.jspecify.annotations.Nullable;

/** Neighbors, and the forwarding databases of VXLAN devices, which rtnetlink treats as a kind of them. */
final class NeighborMessages {
  static final int RTM_NEWNEIGH = 28;
  static final int RTM_DELNEIGH = 29;
  static final int RTM_GETNEIGH = 30;

  private static final int NDA_DST = 1;
  private static final int NDA_LLADDR = 2;
  private static final int NDA_IFINDEX = 8;
  private static final int NUD_PERMANENT = 0x80;
  private static final int NTF_SELF = 2;
  private static final int MAC_BYTES = 6;

  private static final int INDEX_OFFSET = 4;
  private static final int STATE_OFFSET = 8;
  private static final int FLAGS_OFFSET = 10;
  private static final int HEADER_BYTES = 12;

  private NeighborMessages() {}

  static void encode(MessageWriter writer, ForwardingEntry.Neighbor neighbor) {
    header(
        writer,
        AddressFamily.of(neighbor.address().family()),
        neighbor.linkIndex(),
        NUD_PERMANENT,
        0);
    writer.ip(NDA_DST, neighbor.address()).mac(NDA_LLADDR, neighbor.mac());
  }

  static void encode(MessageWriter writer, ForwardingEntry.Fdb entry) {
    header(writer, AddressFamily.AF_BRIDGE, entry.linkIndex(), NUD_PERMANENT, NTF_SELF);
    writer.mac(NDA_LLADDR, entry.mac()).ip(NDA_DST, entry.destination());
  }

  /** Writes a request for all neighbors of a link, of both families. */
  static void encodeNeighborDumpRequest(MessageWriter writer, int linkIndex) {
    header(writer, AddressFamily.AF_UNSPEC, 0, 0, 0);
    writer.u32(NDA_IFINDEX, linkIndex);
  }

  static void encodeFdbDumpRequest(MessageWriter writer, int linkIndex) {
    header(writer, AddressFamily.AF_BRIDGE, linkIndex, 0, 0);
  }

  private static void header(
      MessageWriter writer, int family, int linkIndex, int state, int flags) {
    writer.u8(family).u8(0).u16(0).u32(linkIndex).u16(state).u8(flags).u8(0);
  }

  /**
   * A neighbor or FDB entry of any state.
   *
   * @param isFdb whether it is of a forwarding database
   * @param self whether the database is the device's own rather than its bridge's
   * @param destination the neighbor's address, or the host behind {@code mac}
   */
  record Any(
      boolean isFdb,
      int linkIndex,
      boolean permanent,
      boolean self,
      @Nullable IpAddress destination,
      @Nullable MacAddress mac) {

    ForwardingEntry.@Nullable Neighbor toNeighbor() {
      return !isFdb && permanent && destination != null && mac != null
          ? new ForwardingEntry.Neighbor(linkIndex, destination, mac)
          : null;
    }

    ForwardingEntry.@Nullable Fdb toFdb() {
      return isFdb && permanent && self && destination != null && mac != null
          ? new ForwardingEntry.Fdb(linkIndex, mac, destination)
          : null;
    }
  }

  /** Returns the entry that {@code message} tells of, null if it is about something else. */
  static @Nullable Any decode(MessageReader message) throws MalformedMessageException {
    if (message.type() != RTM_NEWNEIGH && message.type() != RTM_DELNEIGH) {
      return null;
    }
    int family = message.u8(0);
    if (family != AddressFamily.AF_BRIDGE && AddressFamily.toIp(family) == null) {
      return null;
    }
    int linkIndex = message.u32(INDEX_OFFSET);
    boolean permanent = (message.u16(STATE_OFFSET) & NUD_PERMANENT) != 0;
    boolean self = (message.u8(FLAGS_OFFSET) & NTF_SELF) != 0;
    IpAddress destination = null;
    MacAddress mac = null;
    var attributes = message.attributes(HEADER_BYTES);
    while (attributes.next()) {
      switch (attributes.type()) {
        case NDA_DST -> destination = attributes.ip();
        case NDA_LLADDR -> mac = attributes.length() == MAC_BYTES ? attributes.mac() : null;
        default -> {}
      }
    }
    return new Any(family == AddressFamily.AF_BRIDGE, linkIndex, permanent, self, destination, mac);
  }
}
