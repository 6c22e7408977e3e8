package io.jaconet.udp;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.nio.ByteBuffer;

/** A packet as a test describes it: the slow, obvious way to make its bytes. Mutable, and copied by {@link #copy}. */
final class PacketSpec implements Cloneable {
  static final int TCP = 6;
  static final int UDP = 17;

  IpAddress source = IpAddress.parse("10.244.1.2");
  IpAddress destination = IpAddress.parse("10.244.2.2");
  int protocol = UDP;
  int sourcePort = 1000;
  int destinationPort = 2000;
  int ttl = 64;
  int tos;
  int id;
  boolean dontFragment;
  int sequence;
  int acknowledgment = 77;
  int flags = 0x10;
  int window = 500;
  byte[] options = {};
  byte[] payload = {};

  static PacketSpec udp(String source, String destination, byte[] payload) {
    var spec = new PacketSpec();
    spec.source = IpAddress.parse(source);
    spec.destination = IpAddress.parse(destination);
    spec.payload = payload;
    return spec;
  }

  static PacketSpec tcp(String source, String destination, byte[] payload) {
    var spec = udp(source, destination, payload);
    spec.protocol = TCP;
    return spec;
  }

  PacketSpec copy() {
    try {
      return (PacketSpec) clone();
    } catch (CloneNotSupportedException e) {
      throw new AssertionError(e);
    }
  }

  boolean isV6() {
    return source.family() == IpFamily.V6;
  }

  int ipBytes() {
    return isV6() ? 40 : 20;
  }

  int headerBytes() {
    return ipBytes() + (protocol == TCP ? 20 + options.length : 8);
  }

  /** Returns the packet with right checksums. */
  byte[] bytes() {
    return bytes(true);
  }

  /** Returns the packet with the sum of the pseudo header in place of the TCP or UDP checksum. */
  byte[] unfinished() {
    return bytes(false);
  }

  private byte[] bytes(boolean finished) {
    var packet = ByteBuffer.allocate(headerBytes() + payload.length);
    int transport = ipBytes();
    int length = packet.capacity() - transport;
    if (isV6()) {
      packet.putInt(6 << 28 | tos << 20).putShort((short) length);
      packet.put((byte) protocol).put((byte) ttl);
    } else {
      packet.put((byte) 0x45).put((byte) tos).putShort((short) packet.capacity());
      packet.putShort((short) id).putShort((short) (dontFragment ? 0x4000 : 0));
      packet.put((byte) ttl).put((byte) protocol).putShort((short) 0);
    }
    packet.put(source.toBytes()).put(destination.toBytes());
    if (!isV6()) {
      packet.putShort(10, (short) ~slowSum(packet.array(), 0, 20, 0));
    }
    packet.putShort((short) sourcePort).putShort((short) destinationPort);
    if (protocol == TCP) {
      packet.putInt(sequence).putInt(acknowledgment);
      packet.put((byte) ((20 + options.length) / 4 << 4)).put((byte) flags);
      packet.putShort((short) window).putInt(0).put(options);
    } else {
      packet.putShort((short) length).putShort((short) 0);
    }
    packet.put(payload);
    int pseudo = slowSum(source.toBytes(), 0, source.toBytes().length, protocol + length);
    pseudo = slowSum(destination.toBytes(), 0, destination.toBytes().length, pseudo);
    int at = transport + (protocol == TCP ? 16 : 6);
    if (!finished) {
      packet.putShort(at, (short) pseudo);
    } else {
      int checksum = ~slowSum(packet.array(), transport, length, pseudo) & 0xffff;
      packet.putShort(at, (short) (protocol == UDP && checksum == 0 ? 0xffff : checksum));
    }
    return packet.array();
  }

  /** Returns the ones' complement sum, two bytes at a time. */
  static int slowSum(byte[] bytes, int from, int length, int start) {
    long sum = start;
    for (int i = 0; i < length; i++) {
      int value = bytes[from + i] & 0xff;
      sum += i % 2 == 0 ? value << 8 : value;
    }
    while (sum > 0xffff) {
      sum = (sum & 0xffff) + (sum >> 16);
    }
    return (int) sum;
  }
}
