package io.jaconet.udp;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Numbers in packets, most significant byte first, in buffers of native order. */
final class NetworkOrder {
  private static final boolean SWAPS = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

  private NetworkOrder() {}

  /**
   * Copies {@code length} bytes and up to seven more, eight at a time: for headers that is several times as quick as what a buffer copies
   * with. The two places do not overlap.
   */
  static void copy(ByteBuffer buffer, int to, int from, int length) {
    for (int i = 0; i < length; i += 8) {
      buffer.putLong(to + i, buffer.getLong(from + i));
    }
  }

  static int get8(ByteBuffer buffer, int at) {
    return buffer.get(at) & 0xff;
  }

  static int get16(ByteBuffer buffer, int at) {
    short bits = buffer.getShort(at);
    return (SWAPS ? Short.reverseBytes(bits) : bits) & 0xffff;
  }

  static int get32(ByteBuffer buffer, int at) {
    int bits = buffer.getInt(at);
    return SWAPS ? Integer.reverseBytes(bits) : bits;
  }

  static long get64(ByteBuffer buffer, int at) {
    long bits = buffer.getLong(at);
    return SWAPS ? Long.reverseBytes(bits) : bits;
  }

  static void put8(ByteBuffer buffer, int at, int bits) {
    buffer.put(at, (byte) bits);
  }

  static void put16(ByteBuffer buffer, int at, int bits) {
    buffer.putShort(at, SWAPS ? Short.reverseBytes((short) bits) : (short) bits);
  }

  static void put32(ByteBuffer buffer, int at, int bits) {
    buffer.putInt(at, SWAPS ? Integer.reverseBytes(bits) : bits);
  }

  static void put64(ByteBuffer buffer, int at, long bits) {
    buffer.putLong(at, SWAPS ? Long.reverseBytes(bits) : bits);
  }
}
