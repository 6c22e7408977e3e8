package io.jaconet.net;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.errorprone.annotations.Immutable;
import io.jaconet.internal.Printable;
import org.jspecify.annotations.Nullable;

/** A 48-bit Ethernet address, held in the low bits of {@code value}. Printed in lower case with colons. */
@Immutable
public record MacAddress(long value) {
  private static final int TEXT_LENGTH = 17;

  public MacAddress {
    checkArgument(value >>> 48 == 0, "%s does not fit in 48 bits", value);
  }

  /**
   * Parses six octets in hexadecimal with colons between them.
   *
   * @throws IllegalArgumentException if {@code text} is not that
   */
  public static MacAddress parse(String text) {
    long value = text.length() == TEXT_LENGTH ? 0 : -1;
    for (int i = 0; i < text.length() && value >= 0; i++) {
      char c = text.charAt(i);
      if (i % 3 == 2) {
        value = c == ':' ? value : -1;
      } else {
        int digit = c < 0x80 ? Character.digit(c, 16) : -1;
        value = digit < 0 ? -1 : value << 4 | digit;
      }
    }
    if (value < 0) {
      throw new IllegalArgumentException(
          "'" + Printable.of(text) + "' is not a MAC address such as 02:42:ac:11:00:02");
    }
    return new MacAddress(value);
  }

  /** Returns the address of the first six of {@code bytes}. */
  public static MacAddress fromBytes(byte[] bytes) {
    checkArgument(bytes.length >= 6, "a MAC address has 6 bytes, not %s", bytes.length);
    long value = 0;
    for (int i = 0; i < 6; i++) {
      value = value << 8 | bytes[i] & 0xff;
    }
    return new MacAddress(value);
  }

  /** Returns the six bytes in transmission order. */
  public byte[] toBytes() {
    byte[] bytes = new byte[6];
    for (int i = 0; i < 6; i++) {
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

  @Override
  public String toString() {
    var text = new StringBuilder(TEXT_LENGTH);
    for (int shift = 44; shift >= 0; shift -= 4) {
      text.append(Character.forDigit((int) (value >>> shift & 0xf), 16));
      if (shift % 8 == 0 && shift > 0) {
        text.append(':');
      }
    }
    return text.toString();
  }

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof MacAddress other && value == other.value;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(value);
  }
}
