package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.MacAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Walks over netlink attributes; reads the value of the current one in place, checked as {@link MessageReader} does. */
final class Attributes {
  private static final int TYPE_MASK = 0x3fff;

  private final ByteBuffer datagram;
  private final int limit;
  private int value;
  private int length;
  private int type;
  private int following;

  Attributes(ByteBuffer datagram, int from, int limit) {
    this.datagram = datagram;
    this.limit = limit;
    this.following = from;
  }

  /** Goes to the next attribute, the first one at the first call; returns false if there is none. */
  boolean next() throws MalformedMessageException {
    int left = limit - following;
    if (left < MessageWriter.ATTRIBUTE_HEADER_BYTES) {
      return false;
    }
    int claimed = datagram.getShort(following) & 0xffff;
    type = datagram.getShort(following + 2) & TYPE_MASK;
    if (claimed < MessageWriter.ATTRIBUTE_HEADER_BYTES || claimed > left) {
      throw new MalformedMessageException(
          "attribute %d claims %d bytes of %d", type, claimed, left);
    }
    value = following + MessageWriter.ATTRIBUTE_HEADER_BYTES;
    length = claimed - MessageWriter.ATTRIBUTE_HEADER_BYTES;
    following += MessageReader.aligned(claimed);
    return true;
  }

  /** Returns the type without its flag bits. */
  int type() {
    return type;
  }

  /** Returns the number of bytes of the value. */
  int length() {
    return length;
  }

  int u8() throws MalformedMessageException {
    require(1);
    return datagram.get(value) & 0xff;
  }

  int u16() throws MalformedMessageException {
    require(2);
    return datagram.getShort(value) & 0xffff;
  }

  int u16BigEndian() throws MalformedMessageException {
    require(2);
    return (datagram.get(value) & 0xff) << 8 | datagram.get(value + 1) & 0xff;
  }

  int u32() throws MalformedMessageException {
    require(4);
    return datagram.getInt(value);
  }

  int u32BigEndian() throws MalformedMessageException {
    require(4);
    return bigEndian(value);
  }

  long u64BigEndian() throws MalformedMessageException {
    require(8);
    return (long) bigEndian(value) << 32 | bigEndian(value + 4) & 0xffff_ffffL;
  }

  /** Returns a copy of the value. */
  byte[] bytes() {
    byte[] bytes = new byte[length];
    datagram.get(value, bytes);
    return bytes;
  }

  /** Returns the text before the first NUL. */
  String text() {
    byte[] bytes = new byte[length];
    datagram.get(value, bytes);
    int end = 0;
    while (end < length && bytes[end] != 0) {
      end++;
    }
    return new String(bytes, 0, end, StandardCharsets.UTF_8);
  }

  MacAddress mac() throws MalformedMessageException {
    require(6);
    return new MacAddress((bigEndian(value) & 0xffff_ffffL) << 16
        | (datagram.get(value + 4) & 0xff) << 8
        | datagram.get(value + 5) & 0xff);
  }

  /** Returns the address of 4 or 16 bytes; other lengths are malformed. */
  IpAddress ip() throws MalformedMessageException {
    return ip(0);
  }

  /** Returns the address that follows the first {@code skipped} bytes of the value. */
  IpAddress ip(int skipped) throws MalformedMessageException {
    int at = value + skipped;
    return switch (length - skipped) {
      case 4 -> IpAddress.v4(bigEndian(at));
      case 16 ->
        IpAddress.v6(
            (long) bigEndian(at) << 32 | bigEndian(at + 4) & 0xffff_ffffL,
            (long) bigEndian(at + 8) << 32 | bigEndian(at + 12) & 0xffff_ffffL);
      default ->
        throw new MalformedMessageException(
            "attribute %d has no IP address in %d bytes", type, length);
    };
  }

  /** Returns the attributes that the value consists of. */
  Attributes nested() {
    return new Attributes(datagram, value, value + length);
  }

  /** Returns the attributes that follow the first {@code skipped} bytes of the value, up to its byte {@code end}. */
  Attributes nested(int skipped, int end) throws MalformedMessageException {
    if (skipped < 0 || skipped > end || end > length) {
      throw new MalformedMessageException(
          "attribute %d has %d bytes, not %d to %d", type, length, skipped, end);
    }
    return new Attributes(datagram, value + skipped, value + end);
  }

  int u8At(int offset) throws MalformedMessageException {
    require(offset + 1);
    return datagram.get(value + offset) & 0xff;
  }

  int u16At(int offset) throws MalformedMessageException {
    require(offset + 2);
    return datagram.getShort(value + offset) & 0xffff;
  }

  int u32At(int offset) throws MalformedMessageException {
    require(offset + 4);
    return datagram.getInt(value + offset);
  }

  private int bigEndian(int at) {
    int bits = datagram.getInt(at);
    return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? Integer.reverseBytes(bits) : bits;
  }

  private void require(int bytes) throws MalformedMessageException {
    if (length < bytes) {
      throw new MalformedMessageException(
          "attribute %d has %d bytes where %d are needed", type, length, bytes);
    }
  }
}
