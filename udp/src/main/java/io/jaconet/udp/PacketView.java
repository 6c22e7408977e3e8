package io.jaconet.udp;

import static io.jaconet.udp.NetworkOrder.get16;
import static io.jaconet.udp.NetworkOrder.get32;
import static io.jaconet.udp.NetworkOrder.get64;
import static io.jaconet.udp.NetworkOrder.get8;
import static io.jaconet.udp.NetworkOrder.put16;
import static io.jaconet.udp.NetworkOrder.put8;

import java.nio.ByteBuffer;

/** An IP packet of either version, looked at where it lies. One per thread, used for one packet after the other. */
final class PacketView {
  static final int TCP = 6;
  static final int UDP = 17;
  static final int ICMP = 1;
  static final int ICMPV6 = 58;

  static final int V4_HEADER_BYTES = 20;
  static final int V4_MAX_HEADER_BYTES = 60;
  static final int V6_HEADER_BYTES = 40;

  static final int V4_TOTAL_LENGTH = 2;
  static final int V4_ID = 4;
  static final int V4_FRAGMENT = 6;
  static final int V4_TTL = 8;
  static final int V4_PROTOCOL = 9;
  static final int V4_CHECKSUM = 10;
  static final int V4_SOURCE = 12;
  static final int V4_DESTINATION = 16;
  static final int V6_PAYLOAD_LENGTH = 4;
  static final int V6_NEXT_HEADER = 6;
  static final int V6_HOP_LIMIT = 7;
  static final int V6_SOURCE = 8;
  static final int V6_DESTINATION = 24;

  private static final int DONT_FRAGMENT = 0x4000;
  private static final int MORE_AND_OFFSET = 0x3fff;
  private static final int OFFSET = 0x1fff;

  private final ByteBuffer memory;
  private int at;
  private int length;
  private boolean v6;
  private int headerBytes;
  private int protocol;
  private int fragment;

  PacketView(ByteBuffer memory) {
    this.memory = memory;
  }

  /** Looks at {@code bytes} bytes; returns false, and shows nothing, if they are not exactly one IP packet. */
  boolean look(int offset, int bytes) {
    if (bytes < V4_HEADER_BYTES) {
      return false;
    }
    at = offset;
    length = bytes;
    int version = get8(memory, at) >> 4;
    if (version == 4) {
      return lookV4();
    }
    return version == 6 && lookV6();
  }

  /** Does what {@link #look} does, but allows for padding after the packet. */
  boolean lookPadded(int offset, int bytes) {
    if (bytes < V4_HEADER_BYTES) {
      return false;
    }
    int claimed = claimedBytes(offset);
    return claimed <= bytes && look(offset, claimed);
  }

  /** Returns the length that the header at {@code offset}, of at least 20 bytes, has in it. */
  int claimedBytes(int offset) {
    return get8(memory, offset) >> 4 == 6
        ? V6_HEADER_BYTES + get16(memory, offset + V6_PAYLOAD_LENGTH)
        : get16(memory, offset + V4_TOTAL_LENGTH);
  }

  private boolean lookV4() {
    v6 = false;
    headerBytes = (get8(memory, at) & 0xf) * 4;
    protocol = get8(memory, at + V4_PROTOCOL);
    fragment = get16(memory, at + V4_FRAGMENT);
    return headerBytes >= V4_HEADER_BYTES
        && headerBytes <= length
        && get16(memory, at + V4_TOTAL_LENGTH) == length;
  }

  private boolean lookV6() {
    v6 = true;
    if (length < V6_HEADER_BYTES) {
      return false;
    }
    headerBytes = V6_HEADER_BYTES;
    protocol = get8(memory, at + V6_NEXT_HEADER);
    fragment = 0;
    return get16(memory, at + V6_PAYLOAD_LENGTH) == length - V6_HEADER_BYTES;
  }

  int offset() {
    return at;
  }

  int length() {
    return length;
  }

  boolean isV6() {
    return v6;
  }

  /** Returns the length of the IPv4 header with options, or of the fixed IPv6 header. */
  int headerBytes() {
    return headerBytes;
  }

  /** Returns the protocol of what follows the header, which in IPv6 may be an extension header. */
  int protocol() {
    return protocol;
  }

  /** Returns whether this is an IPv4 fragment; those of IPv6 show as another protocol. */
  boolean isFragment() {
    return (fragment & MORE_AND_OFFSET) != 0;
  }

  boolean isLaterFragment() {
    return (fragment & OFFSET) != 0;
  }

  /** Returns whether routers must not fragment it. */
  boolean isUnfragmentable() {
    return v6 || (fragment & DONT_FRAGMENT) != 0;
  }

  /** Returns whether a TCP or UDP header follows the IP header, of which the ports at least are there. */
  boolean hasPorts() {
    return (protocol == TCP || protocol == UDP) && !isFragment() && length >= headerBytes + 4;
  }

  long sourceHigh() {
    return v6 ? get64(memory, at + V6_SOURCE) : 0;
  }

  long sourceLow() {
    return v6 ? get64(memory, at + V6_SOURCE + 8) : get32(memory, at + V4_SOURCE) & 0xffff_ffffL;
  }

  long destinationHigh() {
    return v6 ? get64(memory, at + V6_DESTINATION) : 0;
  }

  long destinationLow() {
    return v6
        ? get64(memory, at + V6_DESTINATION + 8)
        : get32(memory, at + V4_DESTINATION) & 0xffff_ffffL;
  }

  boolean hasUnicastSource() {
    return isUnicast(sourceHigh(), sourceLow());
  }

  boolean hasUnicastDestination() {
    return isUnicast(destinationHigh(), destinationLow());
  }

  /** Returns whether one host beyond the link may have the address: it is not unspecified, loopback, link-local, multicast, broadcast. */
  private boolean isUnicast(long high, long low) {
    if (v6) {
      return high >>> 56 != 0xff
          && high >>> 54 != 0xfe80 >>> 6
          && !(high == 0 && low <= 1 && low >= 0);
    }
    long first = low >>> 24;
    return first != 0 && first != 127 && first < 224 && low >>> 16 != 0xa9fe;
  }

  /** Returns the TTL or hop limit. */
  int ttl() {
    return get8(memory, at + (v6 ? V6_HOP_LIMIT : V4_TTL));
  }

  /** Reduces a TTL or hop limit above 1 by one. */
  void decrementTtl() {
    put8(memory, at + (v6 ? V6_HOP_LIMIT : V4_TTL), ttl() - 1);
    if (!v6) {
      int checksum = get16(memory, at + V4_CHECKSUM);
      put16(memory, at + V4_CHECKSUM, Checksum.afterTtlDecrement(checksum));
    }
  }

  /** Returns the sum of the addresses, which is the part of the pseudo header that all packets of a flow share. */
  int addressSum() {
    return v6 ? Checksum.sum(memory, at + V6_SOURCE, 32) : Checksum.sum(memory, at + V4_SOURCE, 8);
  }
}
