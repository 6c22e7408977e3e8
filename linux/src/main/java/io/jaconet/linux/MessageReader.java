package io.jaconet.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Walks over the netlink messages of one datagram. Every access is checked against the message, so that whatever the bytes are,
 * the worst that happens is a {@link MalformedMessageException}. Reads in place: the datagram must stay until the walk is over.
 */
final class MessageReader {
  private static final int TYPE_OFFSET = 4;
  private static final int FLAGS_OFFSET = 6;
  private static final int SEQUENCE_OFFSET = 8;
  private static final int PORT_OFFSET = 12;

  private final ByteBuffer datagram;
  private int start;
  private int end;
  private int following;

  MessageReader(ByteBuffer datagram) {
    this.datagram = datagram.slice().order(ByteOrder.nativeOrder());
  }

  /** Goes to the next message, the first one at the first call; returns false if there is none. */
  boolean next() throws MalformedMessageException {
    int left = datagram.limit() - following;
    if (left <= 0) {
      return false;
    }
    if (left < MessageWriter.HEADER_BYTES) {
      throw new MalformedMessageException(
          "%d bytes at %d are too few for a message header", left, following);
    }
    int length = datagram.getInt(following);
    if (length < MessageWriter.HEADER_BYTES || length > left) {
      throw new MalformedMessageException(
          "message at %d claims %d bytes of %d", following, length, left);
    }
    start = following;
    end = start + length;
    following = start + aligned(length);
    return true;
  }

  int type() {
    return datagram.getShort(start + TYPE_OFFSET) & 0xffff;
  }

  boolean hasFlag(int flag) {
    return (datagram.getShort(start + FLAGS_OFFSET) & flag) != 0;
  }

  int sequence() {
    return datagram.getInt(start + SEQUENCE_OFFSET);
  }

  int portId() {
    return datagram.getInt(start + PORT_OFFSET);
  }

  /** Returns the number of bytes after the header. */
  int payloadBytes() {
    return end - start - MessageWriter.HEADER_BYTES;
  }

  /** Returns the byte at {@code offset} after the header. */
  int u8(int offset) throws MalformedMessageException {
    return datagram.get(checked(offset, 1)) & 0xff;
  }

  int u16(int offset) throws MalformedMessageException {
    return datagram.getShort(checked(offset, 2)) & 0xffff;
  }

  int u32(int offset) throws MalformedMessageException {
    return datagram.getInt(checked(offset, 4));
  }

  /** Returns the attributes that follow the first {@code fixedBytes} after the header. */
  Attributes attributes(int fixedBytes) throws MalformedMessageException {
    return new Attributes(datagram, checked(fixedBytes, 0), end);
  }

  private int checked(int offset, int bytes) throws MalformedMessageException {
    if (offset < 0 || offset > payloadBytes() - bytes) {
      throw new MalformedMessageException(
          "message of type %d has %d bytes where %d are needed",
          type(), payloadBytes(), (long) offset + bytes);
    }
    return start + MessageWriter.HEADER_BYTES + offset;
  }

  static int aligned(int length) {
    return length + 3 & ~3;
  }
}
