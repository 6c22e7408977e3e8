package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Writes netlink messages one after the other into a buffer: a header, a fixed part, then attributes. Integers are in the
 * machine's byte order unless the name says otherwise. The owner makes sure that the buffer has room.
 */
final class MessageWriter {
  static final int HEADER_BYTES = 16;
  static final int ATTRIBUTE_HEADER_BYTES = 4;
  static final int NESTED = 0x8000;
  private static final int FLAGS_OFFSET = 6;
  private static final int SEQUENCE_OFFSET = 8;

  private final ByteBuffer buffer;
  private int start;

  MessageWriter(ByteBuffer buffer) {
    this.buffer = buffer.order(ByteOrder.nativeOrder());
  }

  /** Returns the number of bytes left for further messages. */
  int remaining() {
    return buffer.remaining();
  }

  /** Drops all messages. */
  void clear() {
    buffer.clear();
  }

  /** Returns the messages written, from the first on, as a view of the same memory. */
  ByteBuffer written() {
    return buffer.duplicate().flip();
  }

  MessageWriter begin(int type, int flags) {
    start = buffer.position();
    buffer.putInt(0).putShort((short) type).putShort((short) flags).putLong(0);
    return this;
  }

  /** Ends the message that was begun last. */
  void end(int sequence) {
    buffer.putInt(start, buffer.position() - start);
    sequence(sequence);
  }

  /** Gives the message that was begun last another sequence number. */
  void sequence(int sequence) {
    buffer.putInt(start + SEQUENCE_OFFSET, sequence);
  }

  /** Adds flags to the message that was begun last. */
  void addFlags(int flags) {
    buffer.putShort(start + FLAGS_OFFSET, (short) (buffer.getShort(start + FLAGS_OFFSET) | flags));
  }

  MessageWriter u8(int value) {
    buffer.put((byte) value);
    return this;
  }

  MessageWriter u16(int value) {
    buffer.putShort((short) value);
    return this;
  }

  MessageWriter u32(int value) {
    buffer.putInt(value);
    return this;
  }

  MessageWriter flag(int type) {
    attribute(type, 0);
    return this;
  }

  MessageWriter u8(int type, int value) {
    attribute(type, 1);
    buffer.putInt(ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? value & 0xff : value << 24);
    return this;
  }

  MessageWriter u16BigEndian(int type, int value) {
    attribute(type, 2);
    buffer.put((byte) (value >>> 8)).put((byte) value).putShort((short) 0);
    return this;
  }

  MessageWriter u32(int type, int value) {
    attribute(type, 4);
    buffer.putInt(value);
    return this;
  }

  MessageWriter u32BigEndian(int type, int value) {
    attribute(type, 4);
    bigEndian(value);
    return this;
  }

  MessageWriter text(int type, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return bytes(type, Arrays.copyOf(bytes, bytes.length + 1));
  }

  MessageWriter bytes(int type, byte[] bytes) {
    attribute(type, bytes.length);
    buffer.put(bytes);
    while (buffer.position() % 4 != 0) {
      buffer.put((byte) 0);
    }
    return this;
  }

  MessageWriter mac(int type, MacAddress mac) {
    long value = mac.value();
    attribute(type, 6);
    bigEndian((int) (value >>> 16));
    buffer.put((byte) (value >>> 8)).put((byte) value).putShort((short) 0);
    return this;
  }

  MessageWriter ip(int type, IpAddress address) {
    attribute(type, address.family().addressBytes());
    if (address.family() == IpFamily.V6) {
      bigEndian((int) (address.highBits() >>> 32));
      bigEndian((int) address.highBits());
      bigEndian((int) (address.lowBits() >>> 32));
    }
    bigEndian((int) address.lowBits());
    return this;
  }

  /** Begins an attribute that holds what is written until {@link #endNest} is called with the value returned. */
  int beginNest(int type) {
    attribute(type | NESTED, 0);
    return buffer.position() - ATTRIBUTE_HEADER_BYTES;
  }

  MessageWriter endNest(int nest) {
    buffer.putShort(nest, (short) (buffer.position() - nest));
    return this;
  }

  private void attribute(int type, int length) {
    buffer.putShort((short) (ATTRIBUTE_HEADER_BYTES + length)).putShort((short) type);
  }

  private void bigEndian(int value) {
    buffer.putInt(
        ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? Integer.reverseBytes(value) : value);
  }
}
