package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** An array of {@code struct mmsghdr} (64-bit Linux), each with room for an address and one control message. */
final class MessageHeaders {
  static final int SOCKADDR_IN_BYTES = 16;
  static final int SOCKADDR_IN6_BYTES = 28;

  private static final int MMSGHDR_BYTES = 64;
  private static final int NAMELEN = 8;
  private static final int IOV = 16;
  private static final int IOVLEN = 24;
  private static final int CONTROL = 32;
  private static final int CONTROLLEN = 40;
  private static final int FLAGS = 48;
  private static final int LENGTH = 56;

  private static final int NAME_BYTES = 32;
  private static final int CONTROL_BYTES = 32;
  private static final int CONTROL_DATA = 16;
  private static final long SEGMENT_CMSG_LEN = 18;
  private static final long SEGMENT_CMSG_SPACE = 24;
  private static final int SOL_UDP = 17;
  private static final int UDP_SEGMENT = 103;
  private static final int UDP_GRO = 104;
  private static final int MSG_TRUNC = 0x20;

  private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

  private final OffHeap block;
  private final ByteBuffer buffer;
  private final int names;
  private final int controls;

  MessageHeaders(int count) {
    names = count * MMSGHDR_BYTES;
    controls = names + count * NAME_BYTES;
    block = new OffHeap(controls + count * CONTROL_BYTES);
    buffer = block.buffer();
    for (int i = 0; i < count; i++) {
      buffer.putLong(i * MMSGHDR_BYTES, block.address(names + i * NAME_BYTES));
      buffer.putLong(i * MMSGHDR_BYTES + CONTROL, block.address(controls + i * CONTROL_BYTES));
    }
  }

  /** Returns the address of the i-th header. */
  long headerAddress(int i) {
    return block.address(i * MMSGHDR_BYTES);
  }

  /** Returns the address of where the i-th message goes. */
  long nameAddress(int i) {
    return block.address(names + i * NAME_BYTES);
  }

  private static short networkOrder(int port) {
    return LITTLE_ENDIAN ? Short.reverseBytes((short) port) : (short) port;
  }

  private static int networkOrder32(int bits) {
    return LITTLE_ENDIAN ? Integer.reverseBytes(bits) : bits;
  }

  private static long networkOrder64(long bits) {
    return LITTLE_ENDIAN ? Long.reverseBytes(bits) : bits;
  }

  void setDestination(int i, boolean v6, long high, long low, int port) {
    int name = names + i * NAME_BYTES;
    buffer
        .putShort(name, (short) (v6 ? AddressFamily.AF_INET6 : AddressFamily.AF_INET))
        .putShort(name + 2, networkOrder(port));
    if (v6) {
      buffer
          .putInt(name + 4, 0)
          .putLong(name + 8, networkOrder64(high))
          .putLong(name + 16, networkOrder64(low))
          .putInt(name + 24, 0);
    } else {
      buffer.putInt(name + 4, networkOrder32((int) low)).putLong(name + 8, 0);
    }
    buffer.putInt(i * MMSGHDR_BYTES + NAMELEN, v6 ? SOCKADDR_IN6_BYTES : SOCKADDR_IN_BYTES);
  }

  void copyDestination(int i, MessageHeaders other, int otherIndex) {
    int from = other.names + otherIndex * NAME_BYTES;
    buffer.put(names + i * NAME_BYTES, other.buffer, from, NAME_BYTES);
    buffer.putInt(
        i * MMSGHDR_BYTES + NAMELEN, other.buffer.getInt(otherIndex * MMSGHDR_BYTES + NAMELEN));
  }

  /** Describes what is to be sent; {@code segment} is the size at which the kernel cuts, 0 if it shall not. */
  void set(int i, long iovecs, int iovecCount, int segment) {
    int at = i * MMSGHDR_BYTES;
    buffer.putLong(at + IOV, iovecs).putLong(at + IOVLEN, iovecCount).putInt(at + FLAGS, 0);
    buffer.putLong(at + CONTROLLEN, segment == 0 ? 0 : SEGMENT_CMSG_SPACE);
    if (segment != 0) {
      int control = controls + i * CONTROL_BYTES;
      buffer
          .putLong(control, SEGMENT_CMSG_LEN)
          .putInt(control + 8, SOL_UDP)
          .putInt(control + 12, UDP_SEGMENT)
          .putShort(control + CONTROL_DATA, (short) segment);
    }
  }

  /** Describes where to put what is received, as often as that is done: the kernel overwrites it. */
  void setReceiving(int i, long iovec) {
    int at = i * MMSGHDR_BYTES;
    buffer
        .putInt(at + NAMELEN, SOCKADDR_IN6_BYTES)
        .putLong(at + IOV, iovec)
        .putLong(at + IOVLEN, 1)
        .putLong(at + CONTROLLEN, CONTROL_BYTES)
        .putInt(at + FLAGS, 0);
  }

  /** Pretends that the kernel received {@code length} bytes in datagrams of {@code segment}. */
  void setReceived(int i, int length, int segment) {
    int at = i * MMSGHDR_BYTES;
    buffer
        .putInt(at + LENGTH, length)
        .putInt(at + FLAGS, 0)
        .putLong(at + CONTROLLEN, segment == 0 ? 0 : SEGMENT_CMSG_SPACE)
        .putInt(controls + i * CONTROL_BYTES + 8, SOL_UDP)
        .putInt(controls + i * CONTROL_BYTES + 12, UDP_GRO)
        .putInt(controls + i * CONTROL_BYTES + CONTROL_DATA, segment);
  }

  int length(int i) {
    return buffer.getInt(i * MMSGHDR_BYTES + LENGTH);
  }

  boolean truncated(int i) {
    return (buffer.getInt(i * MMSGHDR_BYTES + FLAGS) & MSG_TRUNC) != 0;
  }

  /** Returns the size of the datagrams that the kernel joined, 0 if it joined none. */
  int receivedSegment(int i) {
    int control = controls + i * CONTROL_BYTES;
    if (buffer.getLong(i * MMSGHDR_BYTES + CONTROLLEN) <= CONTROL_DATA
        || buffer.getInt(control + 8) != SOL_UDP
        || buffer.getInt(control + 12) != UDP_GRO) {
      return 0;
    }
    return buffer.getInt(control + CONTROL_DATA);
  }

  boolean isV6(int i) {
    return buffer.getShort(names + i * NAME_BYTES) == AddressFamily.AF_INET6;
  }

  long high(int i) {
    return isV6(i) ? networkOrder64(buffer.getLong(names + i * NAME_BYTES + 8)) : 0;
  }

  long low(int i) {
    return isV6(i)
        ? networkOrder64(buffer.getLong(names + i * NAME_BYTES + 16))
        : networkOrder32(buffer.getInt(names + i * NAME_BYTES + 4)) & 0xffff_ffffL;
  }

  IpAddress address(int i) {
    return isV6(i) ? IpAddress.v6(high(i), low(i)) : IpAddress.v4((int) low(i));
  }
}
