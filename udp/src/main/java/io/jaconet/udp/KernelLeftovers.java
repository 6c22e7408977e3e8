package io.jaconet.udp;

import static io.jaconet.udp.NetworkOrder.get16;
import static io.jaconet.udp.NetworkOrder.get8;
import static io.jaconet.udp.NetworkOrder.put16;

import io.jaconet.linux.TunOffloads;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Packets with TCP or UDP that a kernel left to the link below it to cut, or to finish their checksum, on a link that does neither: between
 * namespaces. The port is told to. Confined to one thread.
 */
final class KernelLeftovers {
  private final ByteBuffer memory;
  private final TunOffloads offloads;
  private final int overlayMtu;

  // Of the packet at hand.
  private boolean tcp;
  private int transport;
  private int field;
  private int pseudo;
  private int datagramPayload;
  private boolean uncut;

  KernelLeftovers(ByteBuffer memory, TunOffloads offloads, int overlayMtu) {
    this.memory = memory;
    this.offloads = offloads;
    this.overlayMtu = overlayMtu;
  }

  /**
   * Looks at a packet that has ports, and returns whether it is one.
   *
   * @param datagrams the payload of each UDP datagram that was joined in the packet, 0 if none was
   */
  boolean has(PacketView packet, int datagrams) {
    tcp = packet.protocol() == PacketView.TCP;
    transport = packet.headerBytes();
    int offset = tcp ? Segmenter.TCP_CHECKSUM : Segmenter.UDP_CHECKSUM;
    field = packet.offset() + transport + offset;
    if (transport + (tcp ? Segmenter.TCP_MIN_BYTES : Segmenter.UDP_BYTES) > packet.length()) {
      return false;
    }
    pseudo =
        Checksum.fold((long) packet.addressSum() + packet.protocol() + packet.length() - transport);
    datagramPayload = datagrams;
    uncut = packet.length() > overlayMtu && (tcp || datagrams > 0);
    int checksum = get16(memory, field);
    return uncut || checksum == pseudo && (tcp || checksum != 0);
  }

  /**
   * Describes the packet in the port's header at {@code header}, and leaves to the port what can be left to it.
   *
   * @return as what the packet counts if it cannot be brought to the port
   */
  @Nullable
  PacketCounter describe(PacketView packet, int header) {
    if (uncut) {
      return describeUncut(packet, header);
    }
    if (offloads.header()) {
      VirtioNet.putUnfinished(memory, header, transport, field - packet.offset() - transport);
    } else {
      finish(packet);
      VirtioNet.putNone(memory, header);
    }
    return null;
  }

  private @Nullable PacketCounter describeUncut(PacketView packet, int header) {
    int headerBytes = transport + transportHeaderBytes(packet);
    int payload = tcp ? overlayMtu - headerBytes : datagramPayload;
    if (payload <= 0 || headerBytes >= packet.length() || !isFinishable(packet)) {
      return PacketCounter.DROPPED_MALFORMED;
    }
    if (!(tcp ? offloads.tcp() : offloads.udp())) {
      return PacketCounter.DROPPED_BY_PORT;
    }
    put16(memory, field, pseudo);
    int type = !tcp ? VirtioNet.UDP_L4 : packet.isV6() ? VirtioNet.TCPV6 : VirtioNet.TCPV4;
    VirtioNet.putJoined(memory, header, type, headerBytes, payload, transport);
    return null;
  }

  private int transportHeaderBytes(PacketView packet) {
    return tcp
        ? (get8(memory, packet.offset() + transport + Segmenter.TCP_DATA_OFFSET) >> 4) * 4
        : Segmenter.UDP_BYTES;
  }

  /** Who gets a packet that is to be cut does not look at its checksum. */
  private boolean isFinishable(PacketView packet) {
    return get16(memory, field) == pseudo
        || Checksum.fold((long) pseudo + transportSum(packet)) == 0xffff;
  }

  private int transportSum(PacketView packet) {
    return Checksum.sum(memory, packet.offset() + transport, packet.length() - transport);
  }

  private void finish(PacketView packet) {
    int checksum = Checksum.complement(transportSum(packet));
    put16(memory, field, !tcp && checksum == 0 ? 0xffff : checksum);
  }
}
