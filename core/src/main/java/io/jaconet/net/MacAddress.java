package io.jaconet.net;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.errorprone.annotations.Immutable;
import io.jaconet.internal.Printable;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** A 48-bit Ethernet address, held in the low bits of {@code value}. Printed in lower case with colons. */
@Immutable
public record MacAddress(long value) {
  private static final HexFormat OCTETS = HexFormat.ofDelimiter(":");
  private static final int BYTES = 6;
  private static final int CHARS = 17;

  public MacAddress {
    checkArgument(value >>> 48 == 0, "%s does not fit in 48 bits", value);
  }

  /**
   * Parses six octets in hexadecimal with colons between them.
   *
   * @throws IllegalArgumentException if {@code text} is not that
   */
  public static MacAddress parse(String text) {
    try {
      if (text.length() == CHARS) {
        return fromBytes(OCTETS.parseHex(text));
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(refusal(text), e);
    }
    throw new IllegalArgumentException(refusal(text));
  }

  private static String refusal(String text) {
    return "'" + Printable.of(text) + "' is not a MAC address such as 02:42:ac:11:00:02";
  }

  /** Returns the address of the first six of {@code bytes}. */
  public static MacAddress fromBytes(byte[] bytes) {
    checkArgument(bytes.length >= BYTES, "a MAC address has 6 bytes, not %s", bytes.length);
    long value = 0;
    for (int i = 0; i < BYTES; i++) {
      value = value << 8 | bytes[i] & 0xff;
    }
    return new MacAddress(value);
  }

  /** Returns the six bytes in transmission order. */
  public byte[] toBytes() {
    byte[] bytes = new byte[BYTES];
    for (int i = 0; i < BYTES; i++) {
      bytes[i] = (byte) (value >>> (40 - 8 * i));
    }
    return bytes;
  }

  /** Returns this address as a locally administered unicast one (IEEE 802, section 8.2 of the 2014 edition). */
  public MacAddress locallyAdministered() {
    return new MacAddress(value & ~(1L << 40) | 2L << 40);
  }

  /** Returns whether this addresses a group, the broadcast address included. */
  public boolean isMulticast() {
    return (value >>> 40 & 1) == 1;
  }

  /** Returns whether one interface can have this address: not a group and not all zero. */
  public boolean isUnicast() {
    return !isMulticast() && value != 0;
  }

  /** Written out, like {@code hashCode}, because a record's own is slow until it has been called very often. */
  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof MacAddress other && value == other.value;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(value);
  }

  @Override
  public String toString() {
    return OCTETS.formatHex(toBytes());
  }
}
