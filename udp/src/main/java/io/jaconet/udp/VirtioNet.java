package io.jaconet.udp;

import java.nio.ByteBuffer;

/** The header before each packet of a port: {@code struct virtio_net_hdr}, native order (virtio 1.2 section 5.1.6). */
final class VirtioNet {
  static final int NONE = 0;
  static final int TCPV4 = 1;
  static final int TCPV6 = 4;
  static final int UDP_L4 = 5;

  private static final int ECN = 0x80;
  private static final int NEEDS_CSUM = 1;

  private VirtioNet() {}

  static boolean needsChecksum(ByteBuffer memory, int at) {
    return (memory.get(at) & NEEDS_CSUM) != 0;
  }

  /** Returns what the packet is joined from, without the ECN bit. */
  static int type(ByteBuffer memory, int at) {
    return memory.get(at + 1) & 0xff & ~ECN;
  }

  static int segmentBytes(ByteBuffer memory, int at) {
    return memory.getShort(at + 4) & 0xffff;
  }

  static int checksumStart(ByteBuffer memory, int at) {
    return memory.getShort(at + 6) & 0xffff;
  }

  static int checksumOffset(ByteBuffer memory, int at) {
    return memory.getShort(at + 8) & 0xffff;
  }

  /** Writes the header of a packet that is complete as it is. */
  static void putNone(ByteBuffer memory, int at) {
    memory.putLong(at, 0).putShort(at + 8, (short) 0);
  }

  /** Writes the header of a packet whose checksum is the sum of the pseudo header so far. */
  static void putUnfinished(ByteBuffer memory, int at, int start, int offset) {
    putNone(memory, at);
    memory.put(at, (byte) NEEDS_CSUM).putShort(at + 6, (short) start).putShort(at + 8, (short)
        offset);
  }

  /** Writes the header of packets joined, of which the checksum is the sum of the pseudo header so far. */
  static void putJoined(
      ByteBuffer memory, int at, int type, int headerBytes, int segment, int start) {
    int offset = type == UDP_L4 ? Segmenter.UDP_CHECKSUM : Segmenter.TCP_CHECKSUM;
    memory
        .put(at, (byte) NEEDS_CSUM)
        .put(at + 1, (byte) type)
        .putShort(at + 2, (short) headerBytes)
        .putShort(at + 4, (short) segment)
        .putShort(at + 6, (short) start)
        .putShort(at + 8, (short) offset);
  }
}
