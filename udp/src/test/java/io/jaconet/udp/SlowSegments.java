package io.jaconet.udp;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** What the kernel makes of a packet that is written with a virtio-net header: the slow, obvious way. */
final class SlowSegments {
  private SlowSegments() {}

  /** Returns the packets that {@code written}, header first, stands for, with finished checksums. */
  static List<byte[]> of(byte[] written) {
    var header = ByteBuffer.wrap(written, 0, 10).order(ByteOrder.nativeOrder());
    byte[] packet = OneHost.withoutHeader(written);
    int type = header.get(1);
    if (type == 0) {
      return List.of(packet);
    }
    int headerBytes = header.getShort(2) & 0xffff;
    int size = header.getShort(4) & 0xffff;
    List<byte[]> packets = new ArrayList<>();
    for (int at = headerBytes, i = 0; at < packet.length; at += size, i++) {
      int length = Math.min(size, packet.length - at);
      boolean last = at + length == packet.length;
      var one = ByteBuffer.allocate(headerBytes + length);
      one.put(packet, 0, headerBytes).put(packet, at, length);
      finish(one.array(), i, size, last, type);
      packets.add(one.array());
    }
    return packets;
  }

  private static void finish(byte[] bytes, int i, int size, boolean last, int type) {
    var packet = ByteBuffer.wrap(bytes);
    boolean v6 = bytes[0] >> 4 == 6;
    int transport = v6 ? 40 : 20;
    int length = bytes.length - transport;
    if (v6) {
      packet.putShort(4, (short) length);
    } else {
      packet.putShort(2, (short) bytes.length);
      packet.putShort(4, (short) (packet.getShort(4) + i));
      packet.putShort(10, (short) 0);
      packet.putShort(10, (short) ~PacketSpec.slowSum(bytes, 0, 20, 0));
    }
    boolean udp = type == 5;
    int field = transport + (udp ? 6 : 16);
    if (udp) {
      packet.putShort(transport + 4, (short) length);
    } else {
      packet.putInt(transport + 4, packet.getInt(transport + 4) + i * size);
      if (!last) {
        packet.put(transport + 13, (byte) (packet.get(transport + 13) & ~0x09));
      }
    }
    packet.putShort(field, (short) 0);
    int from = v6 ? 8 : 12;
    int pseudo = PacketSpec.slowSum(bytes, from, transport - from, (udp ? 17 : 6) + length);
    int checksum = ~PacketSpec.slowSum(bytes, transport, length, pseudo) & 0xffff;
    packet.putShort(field, (short) (udp && checksum == 0 ? 0xffff : checksum));
  }
}
