package io.jaconet.udp;

import static com.google.common.base.Preconditions.checkArgument;
import static io.jaconet.udp.NetworkOrder.get16;
import static io.jaconet.udp.NetworkOrder.get32;
import static io.jaconet.udp.NetworkOrder.get64;
import static io.jaconet.udp.NetworkOrder.get8;
import static io.jaconet.udp.NetworkOrder.put16;
import static io.jaconet.udp.NetworkOrder.put32;
import static io.jaconet.udp.NetworkOrder.put64;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** What goes before each packet in its datagram. Immutable. */
public final class Framing {
  /** Nothing, as in flannel's udp backend. Each end of the tunnel is a router and reduces the TTL by one. */
  public static final Framing PLAIN = new Framing(0, 0, ImmutableMap.of());

  private static final int VXLAN_BYTES = 8;
  private static final int ETHERNET_BYTES = 14;
  private static final int TYPE = VXLAN_BYTES + 12;
  private static final int VNI_IS_VALID = 0x08;
  private static final int IPV4 = 0x0800;
  private static final int IPV6 = 0x86dd;
  private static final long MAC_BITS = (1L << 48) - 1;

  /** No frame is to it: a MAC has 48 bits. */
  private static final long NO_MAC = -1;

  private final int bytes;
  private final int vni;
  private final long ownV4;
  private final long ownV6;

  private Framing(int bytes, int vni, ImmutableMap<IpFamily, MacAddress> own) {
    this.bytes = bytes;
    this.vni = vni;
    this.ownV4 = own.containsKey(IpFamily.V4) ? own.get(IpFamily.V4).value() : NO_MAC;
    this.ownV6 = own.containsKey(IpFamily.V6) ? own.get(IpFamily.V6).value() : NO_MAC;
  }

  /**
   * Returns that of VXLAN (RFC 7348): a VXLAN and an Ethernet header, 22 bytes. The tunnel is a link, so the TTL stays as it is.
   *
   * <p>Taken are frames with the VNI and the own MAC for the family of their packet, which may be padded; all reserved bits are ignored. ARP
   * and neighbor discovery are neither sent nor answered: who is where, a table says, as it does with flannel.
   *
   * <p>The kernel's VXLAN device leaves work to the link below it, which a link between namespaces leaves undone. So a packet may also come
   * that is longer than any link takes, or whose TCP or UDP checksum is not finished.
   *
   * @param own the MAC of this host's VTEP for packets of a family; the table must have one for each peer, too
   */
  public static Framing vxlan(Vni vni, ImmutableMap<IpFamily, MacAddress> own) {
    own.values().forEach(mac -> checkArgument(mac.isUnicast(), "%s cannot be a VTEP's MAC", mac));
    return new Framing(VXLAN_BYTES + ETHERNET_BYTES, vni.value(), own);
  }

  /** Returns the length. */
  int bytes() {
    return bytes;
  }

  boolean isPlain() {
    return bytes == 0;
  }

  /** Writes what goes before a packet to the VTEP with the MAC {@code peer}; not for {@link #PLAIN}. */
  void write(ByteBuffer memory, int at, boolean v6, long peer) {
    long own = v6 ? ownV6 : ownV4;
    put32(memory, at, VNI_IS_VALID << 24);
    put32(memory, at + 4, vni << 8);
    put64(memory, at + VXLAN_BYTES, peer << 16 | own >>> 32 & 0xffff);
    put32(memory, at + VXLAN_BYTES + 8, (int) own);
    put16(memory, at + TYPE, v6 ? IPV6 : IPV4);
  }

  /** Returns as what a datagram counts that is not for us, null if it is; not for {@link #PLAIN}. */
  @Nullable
  PacketCounter refusal(ByteBuffer memory, int at, int datagramBytes) {
    if (datagramBytes < bytes || (get8(memory, at) & VNI_IS_VALID) == 0) {
      return PacketCounter.DROPPED_MALFORMED;
    }
    if (get32(memory, at + 4) >>> 8 != vni) {
      return PacketCounter.DROPPED_FOREIGN_VNI;
    }
    int type = get16(memory, at + TYPE);
    if (type != IPV4 && type != IPV6) {
      return PacketCounter.DROPPED_NOT_IP;
    }
    long destination = get64(memory, at + VXLAN_BYTES - 2) & MAC_BITS;
    return destination == (type == IPV6 ? ownV6 : ownV4) ? null : PacketCounter.DROPPED_FOREIGN_MAC;
  }

  /** Returns whether the packet in a frame that was not refused says to be IPv6. */
  boolean saysV6(ByteBuffer memory, int at) {
    return get16(memory, at + TYPE) == IPV6;
  }

  @Override
  public String toString() {
    return isPlain() ? "plain" : "VXLAN, VNI " + vni;
  }
}
