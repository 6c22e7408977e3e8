package io.jaconet.subnet.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.util.Arrays;

/**
 * Reads one message in the wire format of Protocol Buffers, field by field. A field whose value is not asked for is skipped; a message that
 * ends early or contradicts itself is an {@link IOException}.
 */
final class ProtoReader {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  private final byte[] bytes;
  private final int end;
  private int at;
  private int field;
  private int wireType;
  private boolean unread;

  ProtoReader(byte[] message) {
    this(message, 0, message.length);
  }

  private ProtoReader(byte[] bytes, int from, int end) {
    this.bytes = bytes;
    this.at = from;
    this.end = end;
  }

  /** Goes to the next field and returns whether there is one. */
  boolean next() throws IOException {
    if (unread) {
      skip();
    }
    if (at == end) {
      return false;
    }
    long tag = varint();
    field = (int) (tag >>> 3);
    wireType = (int) (tag & 7);
    unread = true;
    return true;
  }

  int field() {
    return field;
  }

  long number() throws IOException {
    take(VARINT);
    return varint();
  }

  boolean flag() throws IOException {
    return number() != 0;
  }

  /** Returns text; bytes that are no UTF-8 become replacement characters. */
  String text() throws IOException {
    int length = takeBytes();
    var text = new String(bytes, at, length, UTF_8);
    at += length;
    return text;
  }

  byte[] bytes() throws IOException {
    int length = takeBytes();
    at += length;
    return Arrays.copyOfRange(bytes, at - length, at);
  }

  /** Returns a reader that begins where this one is. */
  ProtoReader copy() {
    return new ProtoReader(bytes, at, end);
  }

  ProtoReader message() throws IOException {
    int length = takeBytes();
    var message = new ProtoReader(bytes, at, at + length);
    at += length;
    return message;
  }

  private void take(int expected) throws IOException {
    if (wireType != expected) {
      throw new IOException("field " + field + " has wire type " + wireType + ", not " + expected);
    }
    unread = false;
  }

  private int takeBytes() throws IOException {
    take(BYTES);
    long length = varint();
    if (length < 0 || length > end - at) {
      throw new IOException("field " + field + " is longer than its message");
    }
    return (int) length;
  }

  private void skip() throws IOException {
    switch (wireType) {
      case VARINT -> number();
      case BYTES -> advance(takeBytes());
      case FIXED64 -> advance(8);
      case FIXED32 -> advance(4);
      default -> throw new IOException("unknown wire type " + wireType);
    }
  }

  private void advance(int count) throws IOException {
    if (count > end - at) {
      throw new IOException("the message ends inside field " + field);
    }
    at += count;
    unread = false;
  }

  private long varint() throws IOException {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at == end) {
        throw new IOException("the message ends inside a number");
      }
      byte next = bytes[at++];
      value |= (next & 0x7FL) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new IOException("a number is longer than 64 bits");
  }
}
