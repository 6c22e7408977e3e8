package io.jaconet.udp;

import static io.jaconet.udp.NetworkOrder.get8;
import static io.jaconet.udp.NetworkOrder.put16;
import static io.jaconet.udp.NetworkOrder.put32;
import static io.jaconet.udp.NetworkOrder.put64;
import static io.jaconet.udp.NetworkOrder.put8;

import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.Slices;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tells senders why their packets were dropped (RFC 792, RFC 4443), where RFC 1812 section 4.3.2.7 allows it and not more often than the
 * rate allows. Confined to one thread.
 */
final class IcmpErrors {
  /** Room in memory for the header and an error. */
  static final int SLOT_BYTES = 1408;

  private static final int MAX_V6_BYTES = 1280;
  private static final int ICMP_HEADER_BYTES = 8;
  private static final int QUOTED_BYTES = 8;
  private static final int FLANNEL_TTL = 8;
  private static final int HOP_LIMIT = 64;
  private static final int V4_VERSION_AND_HEADER = 0x45;
  private static final int V6_VERSION = 0x6000_0000;
  private static final int V6_ERRORS_END = 128;

  /** What an error says, with its type and code in either version. */
  enum Cause {
    /** Nobody has the destination; code 0 as flannel has it: "net", "no route to destination". */
    NO_ROUTE(3, 0, 1, 0),
    TTL(11, 0, 3, 0),
    TOO_BIG(3, 4, 2, 0);

    private final int v4Type;
    private final int v4Code;
    private final int v6Type;
    private final int v6Code;

    Cause(int v4Type, int v4Code, int v6Type, int v6Code) {
      this.v4Type = v4Type;
      this.v4Code = v4Code;
      this.v6Type = v6Type;
      this.v6Code = v6Code;
    }
  }

  private final PacketPort port;
  private final ByteBuffer memory;
  private final int slot;
  private final Slices reply;
  private final @Nullable IpAddress v4;
  private final @Nullable IpAddress v6;
  private final RateLimit rate;
  private final Tally tally;

  /** Uses {@link #SLOT_BYTES} of {@code memory} from {@code slot} on; {@code sources} are the own addresses. */
  IcmpErrors(
      PacketPort port,
      OffHeap memory,
      int slot,
      Map<IpFamily, IpAddress> sources,
      RateLimit rate,
      Tally tally) {
    this.port = port;
    this.memory = memory.buffer();
    this.slot = slot;
    this.reply = new Slices(memory, 1);
    this.v4 = sources.get(IpFamily.V4);
    this.v6 = sources.get(IpFamily.V6);
    this.rate = rate;
    this.tally = tally;
  }

  /**
   * Writes an error about {@code packet} to the port, if its sender may get one.
   *
   * @param mtu what fits, for {@link Cause#TOO_BIG}
   */
  void send(Cause cause, PacketView packet, int mtu) throws IOException {
    IpAddress source = packet.isV6() ? v6 : v4;
    if (source == null || !mayBeAnswered(cause, packet)) {
      return;
    }
    if (!rate.allows()) {
      tally.add(PacketCounter.ICMP_ERRORS_SUPPRESSED, 1);
      return;
    }
    int length =
        packet.isV6() ? writeV6(cause, packet, source, mtu) : writeV4(cause, packet, source, mtu);
    memory.putLong(slot, 0).putShort(slot + 8, (short) 0);
    reply.clear();
    reply.add(slot, PacketPort.HEADER_BYTES + length);
    if (port.write(reply)) {
      tally.add(PacketCounter.ICMP_ERRORS, 1);
    }
  }

  private boolean mayBeAnswered(Cause cause, PacketView packet) {
    if (!packet.hasUnicastSource() || !packet.hasUnicastDestination()) {
      return false;
    }
    if (packet.isV6()) {
      return packet.protocol() != PacketView.ICMPV6 || icmpType(packet) >= V6_ERRORS_END;
    }
    if (packet.isLaterFragment() || packet.headerBytes() == PacketView.V4_MAX_HEADER_BYTES) {
      return false;
    }
    return packet.protocol() != PacketView.ICMP
        || cause != Cause.NO_ROUTE && isV4Query(icmpType(packet));
  }

  /** Returns -1 if the packet ends before it. */
  private int icmpType(PacketView packet) {
    return packet.length() > packet.headerBytes()
        ? get8(memory, packet.offset() + packet.headerBytes())
        : -1;
  }

  /** Echo, timestamp, information and mask, and the replies to them. */
  private static boolean isV4Query(int type) {
    return type == 0 || type == 8 || type >= 13 && type <= 18;
  }

  private int writeV4(Cause cause, PacketView packet, IpAddress source, int mtu) {
    int at = slot + PacketPort.HEADER_BYTES;
    int quoted = Math.min(packet.length(), packet.headerBytes() + QUOTED_BYTES);
    int length = PacketView.V4_HEADER_BYTES + ICMP_HEADER_BYTES + quoted;
    put8(memory, at, V4_VERSION_AND_HEADER);
    put8(memory, at + 1, 0);
    put16(memory, at + PacketView.V4_TOTAL_LENGTH, length);
    put32(memory, at + PacketView.V4_ID, 0);
    put8(memory, at + PacketView.V4_TTL, FLANNEL_TTL);
    put8(memory, at + PacketView.V4_PROTOCOL, PacketView.ICMP);
    put16(memory, at + PacketView.V4_CHECKSUM, 0);
    put32(memory, at + PacketView.V4_SOURCE, (int) source.lowBits());
    put32(memory, at + PacketView.V4_DESTINATION, (int) packet.sourceLow());
    put16(
        memory,
        at + PacketView.V4_CHECKSUM,
        Checksum.complement(Checksum.sum(memory, at, PacketView.V4_HEADER_BYTES)));
    int icmp = at + PacketView.V4_HEADER_BYTES;
    writeIcmp(icmp, cause.v4Type, cause.v4Code, cause == Cause.TOO_BIG ? mtu : 0);
    memory.put(icmp + ICMP_HEADER_BYTES, memory, packet.offset(), quoted);
    put16(
        memory,
        icmp + 2,
        Checksum.complement(Checksum.sum(memory, icmp, length - PacketView.V4_HEADER_BYTES)));
    return length;
  }

  private int writeV6(Cause cause, PacketView packet, IpAddress source, int mtu) {
    int at = slot + PacketPort.HEADER_BYTES;
    int quoted =
        Math.min(packet.length(), MAX_V6_BYTES - PacketView.V6_HEADER_BYTES - ICMP_HEADER_BYTES);
    int payload = ICMP_HEADER_BYTES + quoted;
    put32(memory, at, V6_VERSION);
    put16(memory, at + PacketView.V6_PAYLOAD_LENGTH, payload);
    put8(memory, at + PacketView.V6_NEXT_HEADER, PacketView.ICMPV6);
    put8(memory, at + PacketView.V6_HOP_LIMIT, HOP_LIMIT);
    put64(memory, at + PacketView.V6_SOURCE, source.highBits());
    put64(memory, at + PacketView.V6_SOURCE + 8, source.lowBits());
    put64(memory, at + PacketView.V6_DESTINATION, packet.sourceHigh());
    put64(memory, at + PacketView.V6_DESTINATION + 8, packet.sourceLow());
    int icmp = at + PacketView.V6_HEADER_BYTES;
    writeIcmp(icmp, cause.v6Type, cause.v6Code, cause == Cause.TOO_BIG ? mtu : 0);
    memory.put(icmp + ICMP_HEADER_BYTES, memory, packet.offset(), quoted);
    long pseudo =
        (long) Checksum.sum(memory, at + PacketView.V6_SOURCE, 32) + payload + PacketView.ICMPV6;
    put16(memory, icmp + 2, Checksum.complement(pseudo + Checksum.sum(memory, icmp, payload)));
    return PacketView.V6_HEADER_BYTES + payload;
  }

  private void writeIcmp(int at, int type, int code, int rest) {
    put8(memory, at, type);
    put8(memory, at + 1, code);
    put16(memory, at + 2, 0);
    put32(memory, at + 4, rest);
  }
}
