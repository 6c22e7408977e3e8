package io.jaconet.udp;

import io.jaconet.net.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

/** Packets of one TCP stream, with the timestamps that Linux puts into each. */
final class TcpStream {
  static final int PAYLOAD_BYTES = 1420;
  static final int IP_BYTES = 20;
  static final int HEADER_BYTES = IP_BYTES + 32;
  private static final int TCP = 6;

  private final IpAddress source;
  private final IpAddress destination;
  private final Random random = new Random(1);

  TcpStream(String source, String destination) {
    this.source = IpAddress.parse(source);
    this.destination = IpAddress.parse(destination);
  }

  /** Returns a packet with right checksums and random payload, the number {@code index} of those of full size. */
  byte[] packet(int index, int payloadBytes) {
    byte[] payload = new byte[payloadBytes];
    random.nextBytes(payload);
    int length = HEADER_BYTES + payloadBytes;
    var packet = ByteBuffer.allocate(length)
        .putShort((short) 0x4500)
        .putShort((short) length)
        .putShort((short) index)
        .putShort((short) 0x4000)
        .put((byte) 255)
        .put((byte) TCP)
        .putShort((short) 0)
        .put(source.toBytes())
        .put(destination.toBytes())
        .putShort((short) 40_000)
        .putShort((short) 5201)
        .putInt(1 + index * PAYLOAD_BYTES)
        .putInt(1)
        .putShort((short) 0x8010)
        .putShort((short) 500)
        .putInt(0)
        .putInt(0x0101080a)
        .putLong(0x1234_5678_9abc_def0L)
        .put(payload);
    var memory = ByteBuffer.wrap(packet.array()).order(ByteOrder.nativeOrder());
    putChecksum(packet, 10, Checksum.sum(memory, 0, IP_BYTES));
    long pseudo = (long) Checksum.sum(memory, 12, 8) + TCP + length - IP_BYTES;
    putChecksum(packet, 36, pseudo + Checksum.sum(memory, IP_BYTES, length - IP_BYTES));
    return packet.array();
  }

  private static void putChecksum(ByteBuffer packet, int at, long sum) {
    packet.putShort(at, (short) Checksum.complement(sum));
  }
}
