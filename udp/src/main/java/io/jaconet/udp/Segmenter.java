package io.jaconet.udp;

import static io.jaconet.udp.NetworkOrder.copy;
import static io.jaconet.udp.NetworkOrder.get16;
import static io.jaconet.udp.NetworkOrder.get32;
import static io.jaconet.udp.NetworkOrder.get8;
import static io.jaconet.udp.NetworkOrder.put16;
import static io.jaconet.udp.NetworkOrder.put32;
import static io.jaconet.udp.NetworkOrder.put8;

import io.jaconet.linux.SendBatch;
import java.nio.ByteBuffer;

/**
 * Cuts a packet that the kernel left in one piece into those that shall be on the wire. Only headers are written; the payload stays where
 * it is. Confined to one thread.
 */
final class Segmenter {
  /** Room for the headers of one packet. */
  static final int HEADER_BYTES = 128;

  static final int TCP_SEQUENCE = 4;
  static final int TCP_DATA_OFFSET = 12;
  static final int TCP_FLAGS = 13;
  static final int TCP_CHECKSUM = 16;
  static final int TCP_MIN_BYTES = 20;
  static final int UDP_LENGTH = 4;
  static final int UDP_CHECKSUM = 6;
  static final int UDP_BYTES = 8;

  static final int FIN = 0x01;
  static final int PSH = 0x08;
  static final int CWR = 0x80;

  private final ByteBuffer memory;
  private final int prefixBytes;
  private boolean v6;
  private boolean tcp;
  private int at;
  private int transport;
  private int headerBytes;
  private int payloadBytes;
  private int segmentPayload;
  private int segments;
  private int next;
  private int payloadOffset;
  private int payloadLength;
  private int id;
  private int sequence;
  private int flags;
  private long ipSum;
  private long transportSum;

  /** What goes before each packet has {@code prefixBytes} bytes. */
  Segmenter(ByteBuffer memory, int prefixBytes) {
    this.memory = memory;
    this.prefixBytes = prefixBytes;
  }

  /**
   * Looks at a packet, of which nothing is changed yet; {@link #begin} may follow.
   *
   * @param type the virtio-net type, without the ECN bit
   * @param size the payload of each packet but the last
   * @param transportOffset where the TCP or UDP header begins in the packet
   * @return false if the packet is not what the header says
   */
  boolean accepts(PacketView packet, int type, int size, int transportOffset) {
    v6 = packet.isV6();
    tcp = type != VirtioNet.UDP_L4;
    at = packet.offset();
    transport = transportOffset;
    segmentPayload = size;
    if (!isConsistent(packet, type)) {
      return false;
    }
    payloadBytes = packet.length() - headerBytes;
    segments = (payloadBytes + size - 1) / size;
    return payloadBytes > 0 && packetBytes() + prefixBytes <= SendBatch.MAX_MESSAGE_BYTES;
  }

  /** Begins with the packet that was accepted. Its own headers are lost. */
  void begin(PacketView packet) {
    next = 0;
    prepareTemplate(packet);
  }

  private boolean isConsistent(PacketView packet, int type) {
    boolean typeFits = switch (type) {
      case VirtioNet.TCPV4 -> !v6 && packet.protocol() == PacketView.TCP;
      case VirtioNet.TCPV6 -> v6;
      case VirtioNet.UDP_L4 -> v6 || packet.protocol() == PacketView.UDP;
      default -> false;
    };
    boolean placeFits = v6
        ? transport >= PacketView.V6_HEADER_BYTES
        : transport == packet.headerBytes() && !packet.isFragment();
    int least = tcp ? TCP_MIN_BYTES : UDP_BYTES;
    if (!typeFits || !placeFits || segmentPayload == 0 || transport + least > packet.length()) {
      return false;
    }
    headerBytes =
        transport + (tcp ? (get8(memory, at + transport + TCP_DATA_OFFSET) >> 4) * 4 : UDP_BYTES);
    return headerBytes >= transport + least
        && headerBytes <= HEADER_BYTES
        && headerBytes <= packet.length();
  }

  /** Zeroes what differs between the packets and adds up what does not. */
  private void prepareTemplate(PacketView packet) {
    int header = at + transport;
    if (!v6) {
      id = get16(memory, at + PacketView.V4_ID);
      put16(memory, at + PacketView.V4_TOTAL_LENGTH, 0);
      put16(memory, at + PacketView.V4_ID, 0);
      put16(memory, at + PacketView.V4_CHECKSUM, 0);
      ipSum = Checksum.sum(memory, at, transport);
    }
    if (tcp) {
      sequence = get32(memory, header + TCP_SEQUENCE);
      flags = get8(memory, header + TCP_FLAGS);
      put32(memory, header + TCP_SEQUENCE, 0);
      put8(memory, header + TCP_FLAGS, 0);
      put16(memory, header + TCP_CHECKSUM, 0);
    } else {
      put16(memory, header + UDP_LENGTH, 0);
      put16(memory, header + UDP_CHECKSUM, 0);
    }
    transportSum = (long) packet.addressSum()
        + (tcp ? PacketView.TCP : PacketView.UDP)
        + Checksum.sum(memory, header, headerBytes - transport);
  }

  /** Returns the length of the largest packet that comes of it. */
  int packetBytes() {
    return headerBytes + Math.min(segmentPayload, payloadBytes);
  }

  boolean hasNext() {
    return next < segments;
  }

  /**
   * Writes the headers of the next packet to {@code slot}, which has room for {@link #slotBytes}, before them the prefix, which is what is in
   * memory before the packet. The rest of it is at {@link #payloadOffset}.
   */
  void next(int slot) {
    int from = next * segmentPayload;
    payloadOffset = at + headerBytes + from;
    payloadLength = Math.min(segmentPayload, payloadBytes - from);
    writeHeader(slot, payloadOffset, payloadLength);
    next++;
  }

  /** Returns what headers with a prefix take, rounded up. */
  static int slotBytes(int prefixBytes) {
    return prefixBytes + HEADER_BYTES + 7 & ~7;
  }

  /** Returns the length of prefix and headers of each packet. */
  int slotLength() {
    return prefixBytes + headerBytes;
  }

  /** Returns where the payload is whose headers were written last. */
  int payloadOffset() {
    return payloadOffset;
  }

  /** Returns the length of the payload whose headers were written last. */
  int payloadLength() {
    return payloadLength;
  }

  private void writeHeader(int prefix, int payload, int length) {
    copy(memory, prefix, at - prefixBytes, prefixBytes + headerBytes);
    int slot = prefix + prefixBytes;
    int total = headerBytes + length;
    if (v6) {
      put16(memory, slot + PacketView.V6_PAYLOAD_LENGTH, total - PacketView.V6_HEADER_BYTES);
    } else {
      int itsId = id + next & 0xffff;
      put16(memory, slot + PacketView.V4_TOTAL_LENGTH, total);
      put16(memory, slot + PacketView.V4_ID, itsId);
      put16(memory, slot + PacketView.V4_CHECKSUM, Checksum.complement(ipSum + total + itsId));
    }
    long sum = transportSum + total - transport + Checksum.sum(memory, payload, length);
    if (tcp) {
      writeTcp(slot + transport, sum);
    } else {
      writeUdp(slot + transport, total - transport, sum);
    }
  }

  private void writeTcp(int header, long sum) {
    int itsSequence = sequence + next * segmentPayload;
    int itsFlags = flags;
    if (next < segments - 1) {
      itsFlags &= ~(FIN | PSH);
    }
    if (next > 0) {
      itsFlags &= ~CWR;
    }
    put32(memory, header + TCP_SEQUENCE, itsSequence);
    put8(memory, header + TCP_FLAGS, itsFlags);
    long all = sum + (itsSequence >>> 16) + (itsSequence & 0xffff) + itsFlags;
    put16(memory, header + TCP_CHECKSUM, Checksum.complement(all));
  }

  private void writeUdp(int header, int length, long sum) {
    put16(memory, header + UDP_LENGTH, length);
    int checksum = Checksum.complement(sum + length);
    put16(memory, header + UDP_CHECKSUM, checksum == 0 ? 0xffff : checksum);
  }
}
