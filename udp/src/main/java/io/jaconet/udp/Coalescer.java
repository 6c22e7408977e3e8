package io.jaconet.udp;

import static io.jaconet.udp.NetworkOrder.copy;
import static io.jaconet.udp.NetworkOrder.get16;
import static io.jaconet.udp.NetworkOrder.get32;
import static io.jaconet.udp.NetworkOrder.get8;
import static io.jaconet.udp.NetworkOrder.put16;
import static io.jaconet.udp.NetworkOrder.put8;

import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.Slices;
import io.jaconet.linux.TunOffloads;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Writes packets to the port, those of one flow that follow each other in one piece where the port takes that. The order within a flow
 * stays; only headers are written, the payload stays where it is. A packet whose checksum is wrong goes on alone and unchanged, for its
 * receiver to count; but where the other side may leave it unfinished, whoever takes the packet from the port is to finish it. Confined to
 * one thread.
 */
final class Coalescer {
  private static final int FLOWS = 8;
  private static final int MAX_PACKETS = 64;
  private static final int MAX_BYTES = 65_535;
  private static final int ACK = 0x10;
  private static final int TCP_ACKNOWLEDGMENT = 8;
  private static final int TCP_WINDOW = 14;
  private static final int TCP_URGENT = 18;
  private static final int DONT_FRAGMENT = 0x4000;
  private static final int SLOT_BYTES = 144;

  /** Room in memory for the headers. */
  static final int MEMORY_BYTES = (FLOWS + 1) * SLOT_BYTES;

  private final PacketPort port;
  private final ByteBuffer memory;
  private final boolean joinsTcp;
  private final boolean joinsUdp;
  private final @Nullable KernelLeftovers leftovers;
  private final Tally tally;
  private final int emptyHeader;
  private final Slices alone;
  private final Flow[] flows = new Flow[FLOWS];
  private int oldest;

  // Of the packet at hand: where its TCP or UDP payload begins, and how long that is.
  private int headerBytes;
  private int payloadBytes;

  /**
   * Uses {@link #MEMORY_BYTES} of {@code block} from {@code base} on.
   *
   * @param leftovers what to ask about packets that may be unfinished, null if all are finished
   */
  Coalescer(
      PacketPort port, OffHeap block, int base, @Nullable KernelLeftovers leftovers, Tally tally) {
    this.port = port;
    this.memory = block.buffer();
    TunOffloads offloads = port.offloads();
    this.joinsTcp = offloads.tcp();
    this.joinsUdp = offloads.udp();
    this.leftovers = leftovers;
    this.tally = tally;
    this.emptyHeader = base;
    this.alone = new Slices(block, 2);
    for (int i = 0; i < FLOWS; i++) {
      flows[i] = new Flow(base + (i + 1) * SLOT_BYTES, new Slices(block, 1 + MAX_PACKETS));
    }
  }

  /** Takes the next packet, whose bytes must stay as they are until {@link #flush}. */
  void add(PacketView packet) throws IOException {
    add(packet, 0);
  }

  /**
   * Does what {@link #add(PacketView)} does.
   *
   * @param datagrams the payload of each UDP datagram that was joined in the packet, 0 if none was
   */
  void add(PacketView packet, int datagrams) throws IOException {
    if (!packet.hasPorts()) {
      flushBetweenHostsOf(packet);
      writeAlone(packet);
      return;
    }
    Flow flow = flowOf(packet);
    if (leftovers != null && leftovers.has(packet, datagrams)) {
      if (flow != null) {
        write(flow);
      }
      writeLeftover(packet, leftovers);
      return;
    }
    if (!isJoinable(packet)) {
      if (flow != null) {
        write(flow);
      }
      writeAlone(packet);
      return;
    }
    if (flow != null && flow.continuesWith(packet)) {
      flow.append(packet);
    } else {
      if (flow != null) {
        write(flow);
      }
      flow = free();
      flow.begin(packet);
    }
    if (flow.ended) {
      write(flow);
    }
  }

  /** Writes all that is still held. */
  void flush() throws IOException {
    for (Flow flow : flows) {
      if (flow.packets > 0) {
        write(flow);
      }
    }
  }

  private void flushBetweenHostsOf(PacketView packet) throws IOException {
    for (Flow flow : flows) {
      if (flow.packets > 0 && flow.isBetweenHostsOf(packet)) {
        write(flow);
      }
    }
  }

  private @Nullable Flow flowOf(PacketView packet) {
    for (Flow flow : flows) {
      if (flow.packets > 0 && flow.has(packet)) {
        return flow;
      }
    }
    return null;
  }

  private Flow free() throws IOException {
    for (Flow flow : flows) {
      if (flow.packets == 0) {
        return flow;
      }
    }
    Flow flow = flows[oldest];
    oldest = (oldest + 1) % FLOWS;
    write(flow);
    return flow;
  }

  private boolean isJoinable(PacketView packet) {
    if (!packet.isV6() && !hasPlainV4Header(packet)) {
      return false;
    }
    return packet.protocol() == PacketView.TCP
        ? joinsTcp && isJoinableTcp(packet)
        : joinsUdp && isJoinableUdp(packet);
  }

  private boolean hasPlainV4Header(PacketView packet) {
    int at = packet.offset();
    return packet.headerBytes() == PacketView.V4_HEADER_BYTES
        && (get16(memory, at + PacketView.V4_FRAGMENT) & ~DONT_FRAGMENT) == 0
        && Checksum.sum(memory, at, PacketView.V4_HEADER_BYTES) == 0xffff;
  }

  private boolean isJoinableTcp(PacketView packet) {
    int transport = packet.headerBytes();
    if (packet.length() < transport + Segmenter.TCP_MIN_BYTES) {
      return false;
    }
    int header = packet.offset() + transport;
    int flags = get8(memory, header + Segmenter.TCP_FLAGS);
    int tcpBytes = (get8(memory, header + Segmenter.TCP_DATA_OFFSET) >> 4) * 4;
    headerBytes = transport + tcpBytes;
    payloadBytes = packet.length() - headerBytes;
    return tcpBytes >= Segmenter.TCP_MIN_BYTES
        && payloadBytes > 0
        && (flags & ~Segmenter.PSH) == ACK
        && isIntact(packet);
  }

  private boolean isJoinableUdp(PacketView packet) {
    int transport = packet.headerBytes();
    headerBytes = transport + Segmenter.UDP_BYTES;
    payloadBytes = packet.length() - headerBytes;
    int header = packet.offset() + transport;
    return payloadBytes > 0
        && get16(memory, header + Segmenter.UDP_LENGTH) == packet.length() - transport
        && get16(memory, header + Segmenter.UDP_CHECKSUM) != 0
        && isIntact(packet);
  }

  private boolean isIntact(PacketView packet) {
    int bytes = packet.length() - packet.headerBytes();
    long sum = (long) packet.addressSum() + packet.protocol() + bytes;
    sum += Checksum.sum(memory, packet.offset() + packet.headerBytes(), bytes);
    return Checksum.fold(sum) == 0xffff;
  }

  private void writeAlone(PacketView packet) throws IOException {
    VirtioNet.putNone(memory, emptyHeader);
    write(packet);
  }

  /** Writes the packet after the header that is made already. */
  private void write(PacketView packet) throws IOException {
    alone.clear();
    alone.add(emptyHeader, PacketPort.HEADER_BYTES);
    alone.add(packet.offset(), packet.length());
    count(port.write(alone), 1, packet.length());
  }

  private void writeLeftover(PacketView packet, KernelLeftovers of) throws IOException {
    var refusal = of.describe(packet, emptyHeader);
    if (refusal != null) {
      tally.add(refusal, 1);
    } else {
      write(packet);
    }
  }

  private void write(Flow flow) throws IOException {
    int packets = flow.packets;
    int bytes = flow.bytes + (packets - 1) * flow.headerBytes;
    flow.finish();
    flow.packets = 0;
    count(port.write(flow.slices), packets, bytes);
  }

  private void count(boolean taken, int packets, int bytes) {
    if (taken) {
      tally.add(PacketCounter.RECEIVED, packets);
      tally.add(PacketCounter.RECEIVED_BYTES, bytes);
    } else {
      tally.add(PacketCounter.DROPPED_BY_PORT, packets);
    }
  }

  /** Packets that are held to be written in one piece; none if {@code packets} is 0. */
  private final class Flow {
    private final int slot;
    private final int header;
    private final Slices slices;
    private boolean v6;
    private int protocol;
    private int transport;
    private int headerBytes;
    private int segment;
    private int packets;
    private int bytes;
    private int nextSequence;
    private boolean pushed;
    private boolean ended;
    private int addressSum;

    Flow(int slot, Slices slices) {
      this.slot = slot;
      this.header = slot + PacketPort.HEADER_BYTES;
      this.slices = slices;
    }

    boolean isBetweenHostsOf(PacketView packet) {
      return v6 == packet.isV6()
          && same(packet, v6 ? PacketView.V6_SOURCE : PacketView.V4_SOURCE, v6 ? 32 : 8);
    }

    boolean has(PacketView packet) {
      return v6 == packet.isV6()
          && protocol == packet.protocol()
          && transport == packet.headerBytes()
          && same(packet, transport, 4)
          && isBetweenHostsOf(packet);
    }

    /** Compares {@code length} bytes, a multiple of four, from {@code from} on in both headers. */
    private boolean same(PacketView packet, int from, int length) {
      for (int i = from; i < from + length; i += 4) {
        if (memory.getInt(header + i) != memory.getInt(packet.offset() + i)) {
          return false;
        }
      }
      return true;
    }

    private boolean same16(PacketView packet, int from) {
      return memory.getShort(header + from) == memory.getShort(packet.offset() + from);
    }

    void begin(PacketView packet) {
      v6 = packet.isV6();
      protocol = packet.protocol();
      transport = packet.headerBytes();
      headerBytes = Coalescer.this.headerBytes;
      segment = payloadBytes;
      packets = 1;
      bytes = packet.length();
      addressSum = packet.addressSum();
      copy(memory, header, packet.offset(), headerBytes);
      slices.clear();
      slices.add(slot, PacketPort.HEADER_BYTES + headerBytes);
      slices.add(packet.offset() + headerBytes, payloadBytes);
      if (protocol == PacketView.TCP) {
        nextSequence = get32(memory, header + transport + Segmenter.TCP_SEQUENCE) + payloadBytes;
        pushed = isPushed(packet);
        ended = pushed;
      } else {
        ended = false;
      }
    }

    private boolean isPushed(PacketView packet) {
      return (get8(memory, packet.offset() + transport + Segmenter.TCP_FLAGS) & Segmenter.PSH) != 0;
    }

    boolean continuesWith(PacketView packet) {
      return headerBytes == Coalescer.this.headerBytes
          && payloadBytes <= segment
          && packets < MAX_PACKETS
          && bytes + payloadBytes <= MAX_BYTES
          && (v6 ? continuesV6(packet) : continuesV4(packet))
          && (protocol == PacketView.UDP || continuesTcp(packet));
    }

    private boolean continuesV4(PacketView packet) {
      int itsId = get16(memory, packet.offset() + PacketView.V4_ID);
      int firstId = get16(memory, header + PacketView.V4_ID);
      return same16(packet, 0)
          && same16(packet, PacketView.V4_FRAGMENT)
          && same16(packet, PacketView.V4_TTL)
          && (packet.isUnfragmentable() || itsId == (firstId + packets & 0xffff));
    }

    private boolean continuesV6(PacketView packet) {
      return same(packet, 0, 4) && same16(packet, PacketView.V6_NEXT_HEADER);
    }

    private boolean continuesTcp(PacketView packet) {
      int itsSequence = get32(memory, packet.offset() + transport + Segmenter.TCP_SEQUENCE);
      return itsSequence == nextSequence
          && same(packet, transport + TCP_ACKNOWLEDGMENT, 4)
          && same16(packet, transport + TCP_WINDOW)
          && same16(packet, transport + TCP_URGENT)
          && same(
              packet,
              transport + Segmenter.TCP_MIN_BYTES,
              headerBytes - transport - Segmenter.TCP_MIN_BYTES);
    }

    void append(PacketView packet) {
      slices.add(packet.offset() + headerBytes, payloadBytes);
      packets++;
      bytes += payloadBytes;
      nextSequence += payloadBytes;
      if (protocol == PacketView.TCP) {
        pushed |= isPushed(packet);
      }
      ended = payloadBytes < segment || protocol == PacketView.TCP && pushed;
    }

    /** Makes one packet's header, which is the first one's as it came, that of all. */
    void finish() {
      if (packets == 1) {
        VirtioNet.putNone(memory, slot);
        return;
      }
      int transportBytes = bytes - transport;
      if (v6) {
        put16(memory, header + PacketView.V6_PAYLOAD_LENGTH, transportBytes);
      } else {
        put16(memory, header + PacketView.V4_TOTAL_LENGTH, bytes);
        put16(memory, header + PacketView.V4_CHECKSUM, 0);
        int sum = Checksum.sum(memory, header, transport);
        put16(memory, header + PacketView.V4_CHECKSUM, Checksum.complement(sum));
      }
      int pseudo = Checksum.fold((long) addressSum + protocol + transportBytes);
      int type = VirtioNet.UDP_L4;
      if (protocol == PacketView.TCP) {
        type = v6 ? VirtioNet.TCPV6 : VirtioNet.TCPV4;
        int flags = header + transport + Segmenter.TCP_FLAGS;
        put8(memory, flags, pushed ? ACK | Segmenter.PSH : ACK);
        put16(memory, header + transport + Segmenter.TCP_CHECKSUM, pseudo);
      } else {
        put16(memory, header + transport + Segmenter.UDP_LENGTH, transportBytes);
        put16(memory, header + transport + Segmenter.UDP_CHECKSUM, pseudo);
      }
      VirtioNet.putJoined(memory, slot, type, headerBytes, segment, transport);
    }
  }
}
