package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkArgument;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Links in rtnetlink's words. */
final class LinkMessages {
  static final int RTM_NEWLINK = 16;
  static final int RTM_DELLINK = 17;
  static final int RTM_GETLINK = 18;
  static final int RTM_SETLINK = 19;

  static final int IFLA_ADDRESS = 1;
  static final int IFLA_IFNAME = 3;
  static final int IFLA_MTU = 4;
  private static final int IFLA_LINK = 5;
  static final int IFLA_MASTER = 10;
  private static final int IFLA_TXQLEN = 13;
  private static final int IFLA_LINKINFO = 18;
  static final int IFLA_NET_NS_FD = 28;
  static final int IFLA_EXT_MASK = 29;
  private static final int IFLA_LINK_NETNSID = 37;
  private static final int IFLA_INFO_KIND = 1;
  private static final int IFLA_INFO_DATA = 2;

  private static final int IFLA_VXLAN_ID = 1;
  private static final int IFLA_VXLAN_GROUP = 2;
  private static final int IFLA_VXLAN_LINK = 3;
  private static final int IFLA_VXLAN_LOCAL = 4;
  private static final int IFLA_VXLAN_LEARNING = 7;
  private static final int IFLA_VXLAN_L2MISS = 13;
  private static final int IFLA_VXLAN_PORT = 15;
  private static final int IFLA_VXLAN_GROUP6 = 16;
  private static final int IFLA_VXLAN_LOCAL6 = 17;
  private static final int IFLA_VXLAN_GBP = 23;
  private static final int VETH_INFO_PEER = 1;

  private static final int RTEXT_FILTER_SKIP_STATS = 8;
  static final int IFF_UP = 1;
  private static final int HEADER_BYTES = 16;
  private static final int INDEX_OFFSET = 4;
  private static final int FLAGS_OFFSET = 8;
  private static final int MAX_NAME_BYTES = 15;
  private static final int MAC_BYTES = 6;

  private LinkMessages() {}

  /** Returns whether the kernel could have a link of this name. */
  static boolean isName(String name) {
    return !name.isEmpty()
        && name.getBytes(StandardCharsets.UTF_8).length <= MAX_NAME_BYTES
        && name.chars().noneMatch(c -> c == '/' || c == ':' || c <= ' ')
        && !name.equals(".")
        && !name.equals("..");
  }

  static String checkedName(String name) {
    checkArgument(
        isName(name),
        "'%s' cannot name a link: 1 to %s bytes, no space, slash or colon",
        name,
        MAX_NAME_BYTES);
    return name;
  }

  /** Writes the fixed part; {@code index} 0 for none. */
  static MessageWriter header(MessageWriter writer, int index, int flags, int changedFlags) {
    return writer.u32(0).u32(index).u32(flags).u32(changedFlags);
  }

  static void withoutStatistics(MessageWriter writer) {
    writer.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  }

  static void kind(MessageWriter writer, String kind) {
    int info = writer.beginNest(IFLA_LINKINFO);
    writer.text(IFLA_INFO_KIND, kind).endNest(info);
  }

  static void vxlan(
      MessageWriter writer, String name, MacAddress mac, int mtu, VxlanLink settings) {
    writer.text(IFLA_IFNAME, name).mac(IFLA_ADDRESS, mac).u32(IFLA_TXQLEN, 0);
    if (mtu > 0) {
      writer.u32(IFLA_MTU, mtu);
    }
    int info = writer.beginNest(IFLA_LINKINFO);
    writer.text(IFLA_INFO_KIND, "vxlan");
    int data = writer.beginNest(IFLA_INFO_DATA);
    writer.u32(IFLA_VXLAN_ID, settings.vni().value());
    if (settings.lowerIndex() > 0) {
      writer.u32(IFLA_VXLAN_LINK, settings.lowerIndex());
    }
    if (settings.local() != null) {
      writer.ip(forFamily(settings.local(), IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6), settings.local());
    }
    if (settings.group() != null) {
      writer.ip(forFamily(settings.group(), IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6), settings.group());
    }
    if (settings.port() > 0) {
      writer.u16BigEndian(IFLA_VXLAN_PORT, settings.port());
    }
    writer.u8(IFLA_VXLAN_LEARNING, settings.learning() ? 1 : 0);
    writer.u8(IFLA_VXLAN_L2MISS, settings.l2miss() ? 1 : 0);
    if (settings.gbp()) {
      writer.flag(IFLA_VXLAN_GBP);
    }
    writer.endNest(data).endNest(info);
  }

  /** Writes those settings that the kernel changes of a device that is there; it refuses to be told of the others at all. */
  static void vxlanChange(MessageWriter writer, VxlanLink settings) {
    int info = writer.beginNest(IFLA_LINKINFO);
    writer.text(IFLA_INFO_KIND, "vxlan");
    int data = writer.beginNest(IFLA_INFO_DATA);
    writer.u32(IFLA_VXLAN_ID, settings.vni().value());
    if (settings.lowerIndex() > 0) {
      writer.u32(IFLA_VXLAN_LINK, settings.lowerIndex());
    }
    if (settings.local() != null) {
      writer.ip(forFamily(settings.local(), IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6), settings.local());
    }
    writer.u8(IFLA_VXLAN_LEARNING, settings.learning() ? 1 : 0);
    writer.endNest(data).endNest(info);
  }

  private static int forFamily(IpAddress address, int v4, int v6) {
    return address.family() == IpFamily.V4 ? v4 : v6;
  }

  /** Writes a pair of veth ends; the namespace is where {@code peerName} comes to be, negative for here. */
  static void veth(MessageWriter writer, String name, String peerName, int peerNamespaceFd) {
    writer.text(IFLA_IFNAME, name);
    int info = writer.beginNest(IFLA_LINKINFO);
    writer.text(IFLA_INFO_KIND, "veth");
    int data = writer.beginNest(IFLA_INFO_DATA);
    int peer = writer.beginNest(VETH_INFO_PEER);
    header(writer, 0, 0, 0).text(IFLA_IFNAME, peerName);
    if (peerNamespaceFd >= 0) {
      writer.u32(IFLA_NET_NS_FD, peerNamespaceFd);
    }
    writer.endNest(peer).endNest(data).endNest(info);
  }

  /** Returns the link that {@code message} tells of or, for a removal, told of; null if it is about something else. */
  static @Nullable Link decode(MessageReader message) throws MalformedMessageException {
    if (message.type() != RTM_NEWLINK && message.type() != RTM_DELLINK) {
      return null;
    }
    int index = message.u32(INDEX_OFFSET);
    boolean up = (message.u32(FLAGS_OFFSET) & IFF_UP) != 0;
    String name = "";
    MacAddress mac = null;
    int mtu = 0;
    int lowerIndex = 0;
    boolean lowerIsElsewhere = false;
    String kind = null;
    VxlanLink vxlan = null;
    var attributes = message.attributes(HEADER_BYTES);
    while (attributes.next()) {
      switch (attributes.type()) {
        case IFLA_IFNAME -> name = attributes.text();
        case IFLA_ADDRESS -> mac = attributes.length() == MAC_BYTES ? attributes.mac() : null;
        case IFLA_MTU -> mtu = attributes.u32();
        case IFLA_LINK -> lowerIndex = attributes.u32();
        case IFLA_LINK_NETNSID -> lowerIsElsewhere = true;
        case IFLA_LINKINFO -> {
          var info = attributes.nested();
          Attributes data = null;
          while (info.next()) {
            switch (info.type()) {
              case IFLA_INFO_KIND -> kind = info.text();
              case IFLA_INFO_DATA -> data = info.nested();
              default -> {}
            }
          }
          vxlan = "vxlan".equals(kind) && data != null ? decodeVxlan(data) : null;
        }
        default -> {}
      }
    }
    if (vxlan != null) {
      // The kernel tells the lower link of a VXLAN device only among its settings.
      lowerIndex = vxlan.lowerIndex();
    }
    return new Link(index, name, kind, mac, mtu, up, lowerIsElsewhere ? 0 : lowerIndex, vxlan);
  }

  private static VxlanLink decodeVxlan(Attributes data) throws MalformedMessageException {
    int vni = 0;
    int lowerIndex = 0;
    IpAddress local = null;
    IpAddress group = null;
    int port = 0;
    boolean learning = false;
    boolean gbp = false;
    boolean l2miss = false;
    while (data.next()) {
      switch (data.type()) {
        case IFLA_VXLAN_ID -> vni = data.u32();
        case IFLA_VXLAN_LINK -> lowerIndex = data.u32();
        case IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6 -> local = data.ip();
        case IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6 -> group = data.ip();
        case IFLA_VXLAN_PORT -> port = data.u16BigEndian();
        case IFLA_VXLAN_LEARNING -> learning = data.u8() != 0;
        case IFLA_VXLAN_GBP -> gbp = true;
        case IFLA_VXLAN_L2MISS -> l2miss = data.u8() != 0;
        default -> {}
      }
    }
    if (vni >>> 24 != 0) {
      throw new MalformedMessageException("VNI %d does not fit in 24 bits", vni);
    }
    return new VxlanLink(new Vni(vni), lowerIndex, local, group, port, learning, gbp, l2miss);
  }
}
