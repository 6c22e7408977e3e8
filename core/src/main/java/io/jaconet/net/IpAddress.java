package io.jaconet.net;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.Longs;
import com.google.errorprone.annotations.Immutable;
import io.jaconet.internal.Printable;
import org.jspecify.annotations.Nullable;

/**
 * An IPv4 or IPv6 address without a zone. Ordered by family, then as an unsigned number. IPv6 text follows RFC 5952, which is
 * also what flannel writes into its keys.
 */
@Immutable
public final class IpAddress implements Comparable<IpAddress> {
  private static final long V4_MASK = 0xffff_ffffL;
  private static final int GROUPS = 8;

  /** 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, section 6.4). */
  private static final long MIX = 0x9e37_79b9_7f4a_7c15L;

  private final IpFamily family;
  private final long high;
  private final long low;

  private IpAddress(IpFamily family, long high, long low) {
    this.family = family;
    this.high = high;
    this.low = low;
  }

  /** Returns the IPv4 address whose 32 bits are {@code bits}, first octet most significant. */
  public static IpAddress v4(int bits) {
    return new IpAddress(IpFamily.V4, 0, bits & V4_MASK);
  }

  /** Returns the IPv6 address of the given upper and lower 64 bits. */
  public static IpAddress v6(long high, long low) {
    return new IpAddress(IpFamily.V6, high, low);
  }

  /** Returns the all-zero address of {@code family}. */
  public static IpAddress unspecified(IpFamily family) {
    return new IpAddress(family, 0, 0);
  }

  /**
   * Returns the address whose network-order bytes are given.
   *
   * @throws IllegalArgumentException unless there are 4 or 16 bytes
   */
  public static IpAddress fromBytes(byte[] bytes) {
    checkArgument(
        bytes.length == 4 || bytes.length == 16,
        "an IP address has 4 or 16 bytes, not %s",
        bytes.length);
    if (bytes.length == 4) {
      return v4((bytes[0] & 0xff) << 24
          | (bytes[1] & 0xff) << 16
          | (bytes[2] & 0xff) << 8
          | bytes[3] & 0xff);
    }
    return v6(
        Longs.fromBytes(
            bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]),
        Longs.fromBytes(
            bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]));
  }

  /**
   * Parses a dotted quad without leading zeros, or the text of an IPv6 address (RFC 4291 section 2.2) without a zone. Never asks
   * a name service.
   *
   * @throws IllegalArgumentException if {@code text} is neither
   */
  public static IpAddress parse(String text) {
    var address = text.indexOf(':') >= 0 ? parseV6(text) : parseV4(text);
    if (address == null) {
      throw new IllegalArgumentException("'" + Printable.of(text) + "' is not an IP address");
    }
    return address;
  }

  private static @Nullable IpAddress parseV4(String text) {
    long bits = 0;
    int octet = -1;
    int octets = 0;
    for (int i = 0; i <= text.length(); i++) {
      char c = i < text.length() ? text.charAt(i) : '.';
      if (c == '.') {
        if (octet < 0 || ++octets > 4) {
          return null;
        }
        bits = bits << Byte.SIZE | octet;
        octet = -1;
      } else if (c < '0' || c > '9' || octet == 0) {
        return null;
      } else {
        octet = Math.max(octet, 0) * 10 + (c - '0');
        if (octet > 255) {
          return null;
        }
      }
    }
    return octets == 4 ? v4((int) bits) : null;
  }

  private static @Nullable IpAddress parseV6(String text) {
    int[] groups = new int[GROUPS];
    int count = 0;
    int gap = -1;
    int i = 0;
    if (text.startsWith("::")) {
      gap = 0;
      i = 2;
    } else if (text.startsWith(":")) {
      return null;
    }
    while (i < text.length()) {
      int end = text.indexOf(':', i);
      end = end < 0 ? text.length() : end;
      String part = text.substring(i, end);
      if (part.indexOf('.') >= 0) {
        var tail = end == text.length() ? parseV4(part) : null;
        if (tail == null || count > GROUPS - 2) {
          return null;
        }
        groups[count++] = (int) (tail.low >>> 16);
        groups[count++] = (int) (tail.low & 0xffff);
      } else {
        int group = parseGroup(part);
        if (group < 0 || count == GROUPS) {
          return null;
        }
        groups[count++] = group;
      }
      i = end;
      if (i < text.length()) {
        i++;
        if (i == text.length()) {
          return null;
        }
        if (text.charAt(i) == ':') {
          if (gap >= 0) {
            return null;
          }
          gap = count;
          i++;
        }
      }
    }
    if (gap < 0 ? count != GROUPS : count == GROUPS) {
      return null;
    }
    return fromGroups(groups, count, gap);
  }

  private static IpAddress fromGroups(int[] groups, int count, int gap) {
    int zeros = GROUPS - count;
    long high = 0;
    long low = 0;
    for (int g = 0; g < GROUPS; g++) {
      int value;
      if (gap < 0 || g < gap) {
        value = groups[g];
      } else {
        value = g < gap + zeros ? 0 : groups[g - zeros];
      }
      if (g < GROUPS / 2) {
        high = high << 16 | value;
      } else {
        low = low << 16 | value;
      }
    }
    return v6(high, low);
  }

  private static int parseGroup(String part) {
    if (part.isEmpty() || part.length() > 4) {
      return -1;
    }
    int value = 0;
    for (int i = 0; i < part.length(); i++) {
      char c = part.charAt(i);
      int digit = c < 0x80 ? Character.digit(c, 16) : -1;
      if (digit < 0) {
        return -1;
      }
      value = value << 4 | digit;
    }
    return value;
  }

  /** Returns the family of this address. */
  public IpFamily family() {
    return family;
  }

  /** Returns the upper 64 bits of an IPv6 address; 0 for IPv4. */
  public long highBits() {
    return high;
  }

  /** Returns the lower 64 bits of an IPv6 address; the 32 bits of an IPv4 address. */
  public long lowBits() {
    return low;
  }

  /** Returns the 4 or 16 bytes in network order. */
  public byte[] toBytes() {
    if (family == IpFamily.V4) {
      return new byte[] {(byte) (low >>> 24), (byte) (low >>> 16), (byte) (low >>> 8), (byte) low};
    }
    byte[] bytes = new byte[16];
    for (int i = 0; i < 8; i++) {
      bytes[i] = (byte) (high >>> (56 - 8 * i));
      bytes[8 + i] = (byte) (low >>> (56 - 8 * i));
    }
    return bytes;
  }

  /**
   * Returns the address {@code n} after this one.
   *
   * @throws ArithmeticException if that is past the family's last address
   */
  public IpAddress plus(long n) {
    checkArgument(n >= 0, "cannot add %s addresses", n);
    long sum = low + n;
    boolean carry = Long.compareUnsigned(sum, low) < 0;
    if (family == IpFamily.V4 ? (carry || sum > V4_MASK || sum < 0) : (carry && high == -1)) {
      throw new ArithmeticException(this + " + " + n + " is past the last " + family + " address");
    }
    return new IpAddress(family, carry ? high + 1 : high, sum);
  }

  /** Returns this address with all but the first {@code length} bits cleared. */
  IpAddress masked(int length) {
    if (family == IpFamily.V4) {
      return new IpAddress(family, 0, length == 0 ? 0 : low & (V4_MASK << (32 - length)) & V4_MASK);
    }
    long highMask = length == 0 ? 0 : length >= 64 ? -1 : -1L << (64 - length);
    long lowMask = length <= 64 ? 0 : -1L << (128 - length);
    return new IpAddress(family, high & highMask, low & lowMask);
  }

  /** Returns this address with all but the first {@code length} bits set. */
  IpAddress lastOf(int length) {
    if (family == IpFamily.V4) {
      return new IpAddress(family, 0, length == 32 ? low : low | (V4_MASK >>> length));
    }
    long highRest = length >= 64 ? 0 : -1L >>> length;
    long lowRest = length <= 64 ? -1 : length == 128 ? 0 : -1L >>> (length - 64);
    return new IpAddress(family, high | highRest, low | lowRest);
  }

  /** Returns whether every bit is zero. */
  public boolean isUnspecified() {
    return high == 0 && low == 0;
  }

  /** Returns whether this is in 127.0.0.0/8 or is ::1. */
  public boolean isLoopback() {
    return family == IpFamily.V4 ? low >>> 24 == 127 : high == 0 && low == 1;
  }

  /** Returns whether this is in 224.0.0.0/4 or ff00::/8. */
  public boolean isMulticast() {
    return family == IpFamily.V4 ? low >>> 28 == 0xe : high >>> 56 == 0xff;
  }

  /** Returns whether this is in 169.254.0.0/16 or fe80::/10. */
  public boolean isLinkLocal() {
    return family == IpFamily.V4 ? low >>> 16 == 0xa9fe : high >>> 54 == 0xfe80 >>> 6;
  }

  /** Returns whether this is 255.255.255.255. */
  public boolean isBroadcast() {
    return family == IpFamily.V4 && low == V4_MASK;
  }

  /** Returns whether this is an IPv4 address written as IPv6, ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
  public boolean isV4Mapped() {
    return family == IpFamily.V6 && high == 0 && low >>> 32 == 0xffff;
  }

  /** Returns whether one host can be reached at this address from another: not unspecified, loopback, multicast, broadcast. */
  public boolean isHostUnicast() {
    return !(isUnspecified() || isLoopback() || isMulticast() || isBroadcast() || isV4Mapped())
        && !(family == IpFamily.V4 && (low >>> 24 == 0 || low >>> 28 == 0xf));
  }

  @Override
  public int compareTo(IpAddress other) {
    int order = family.compareTo(other.family);
    if (order == 0) {
      order = Long.compareUnsigned(high, other.high);
    }
    return order == 0 ? Long.compareUnsigned(low, other.low) : order;
  }

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof IpAddress other
        && family == other.family
        && high == other.high
        && low == other.low;
  }

  @Override
  public int hashCode() {
    // The addresses of subnets differ in their upper bits alone: those of the product depend on
    // all.
    return (int) ((31 * high + low + family.bits()) * MIX >>> 32);
  }

  /** Returns the dotted quad, or the RFC 5952 text. */
  @Override
  public String toString() {
    return family == IpFamily.V4 ? dottedQuad(low) : v6Text();
  }

  private static String dottedQuad(long bits) {
    return (bits >>> 24 & 0xff) + "." + (bits >>> 16 & 0xff) + "." + (bits >>> 8 & 0xff) + "."
        + (bits & 0xff);
  }

  private String v6Text() {
    if (isV4Mapped()) {
      return "::ffff:" + dottedQuad(low);
    }
    int zerosAt = -1;
    int zeros = 1;
    for (int g = 0; g < GROUPS; g++) {
      int run = 0;
      while (g + run < GROUPS && group(g + run) == 0) {
        run++;
      }
      if (run > zeros) {
        zerosAt = g;
        zeros = run;
      }
      g += run;
    }
    var text = new StringBuilder(39);
    for (int g = 0; g < GROUPS; g++) {
      if (g == zerosAt) {
        text.append("::");
        g += zeros - 1;
      } else {
        if (g > 0 && text.charAt(text.length() - 1) != ':') {
          text.append(':');
        }
        text.append(Integer.toHexString(group(g)));
      }
    }
    return text.toString();
  }

  private int group(int index) {
    long half = index < GROUPS / 2 ? high : low;
    return (int) (half >>> (48 - 16 * (index % (GROUPS / 2))) & 0xffff);
  }
}
