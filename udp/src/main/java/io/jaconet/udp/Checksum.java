package io.jaconet.udp;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The Internet checksum (RFC 1071): ones' complement sums of 16-bit numbers in network order. */
final class Checksum {
  private static final boolean SWAPS = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
  private static final long LOW = 0xffff_ffffL;
  private static final int MANY_BYTES = 256;

  private Checksum() {}

  /**
   * Returns the sum of {@code length} bytes, folded to 16 bits and not complemented. The bytes are added eight at a time in native order,
   * which gives the same sum with its bytes swapped (RFC 1071 section 2 B).
   */
  static int sum(ByteBuffer buffer, int offset, int length) {
    int end = offset + length;
    int rest = offset + (length & ~7);
    long sum =
        length < MANY_BYTES ? sumOfFew(buffer, offset, rest) : sumOfMany(buffer, offset, rest);
    return sumOfRest(buffer, rest, end, sum);
  }

  // Twice the same loop, and each alone in its method. The compiler cuts a loop to how often it ran
  // in the past, and keeps range
  // checks in one that has other code after it; a sum of 1400 bytes then takes two to four times as
  // long.

  private static long sumOfMany(ByteBuffer buffer, int from, int end) {
    long all = 0;
    long odd = 0;
    for (int at = from; at < end; at += 8) {
      long bits = buffer.getLong(at);
      all += bits;
      odd += bits >>> 32;
    }
    return all - (odd << 32) + odd;
  }

  private static long sumOfFew(ByteBuffer buffer, int from, int end) {
    long all = 0;
    long odd = 0;
    for (int at = from; at < end; at += 8) {
      long bits = buffer.getLong(at);
      all += bits;
      odd += bits >>> 32;
    }
    return all - (odd << 32) + odd;
  }

  /** Adds the last seven bytes or less to what the 32-bit parts before them add up to. */
  private static int sumOfRest(ByteBuffer buffer, int from, int end, long before) {
    int at = from;
    long sum = before;
    if (at <= end - 4) {
      sum += buffer.getInt(at) & LOW;
      at += 4;
    }
    if (at <= end - 2) {
      sum += buffer.getShort(at) & 0xffff;
      at += 2;
    }
    if (at < end) {
      int last = buffer.get(at) & 0xff;
      sum += SWAPS ? last : last << 8;
    }
    int folded = fold(sum);
    return SWAPS ? Short.reverseBytes((short) folded) & 0xffff : folded;
  }

  /** Returns the ones' complement sum, in 16 bits, of the four 16-bit parts of {@code sum}. */
  static int fold(long sum) {
    long folded = (sum & LOW) + (sum >>> 32);
    folded = (folded & 0xffff) + (folded >>> 16);
    folded = (folded & 0xffff) + (folded >>> 16);
    return (int) ((folded & 0xffff) + (folded >>> 16));
  }

  /** Returns the checksum that belongs in a header whose other parts add up to {@code sum}. */
  static int complement(long sum) {
    return ~fold(sum) & 0xffff;
  }

  /** Returns the checksum of an IPv4 header after its TTL was reduced by one (RFC 1624 equation 3: never 0xffff). */
  static int afterTtlDecrement(int checksum) {
    int sum = checksum + 0x0100;
    return sum >= 0xffff ? sum + 1 & 0xffff : sum;
  }
}
