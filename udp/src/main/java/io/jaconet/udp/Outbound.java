package io.jaconet.udp;

import static io.jaconet.udp.NetworkOrder.put16;

import io.jaconet.linux.DatagramTransport;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.SendBatch;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The way from the port to the peers. Confined to one thread, but for {@link #stop}. */
final class Outbound {
  private static final int MAX_PACKET_BYTES = 65_535;
  private static final int ROOM = PacketPort.HEADER_BYTES + MAX_PACKET_BYTES;
  private static final int READ_BYTES = 4 * ROOM;
  private static final int HEADER_SLOTS = 4 * SendBatch.MAX_SEGMENTS;
  private static final int HEADERS_AT = READ_BYTES;

  private static final int V4_AND_UDP = PacketView.V4_HEADER_BYTES + Segmenter.UDP_BYTES;
  private static final int V6_AND_UDP = PacketView.V6_HEADER_BYTES + Segmenter.UDP_BYTES;

  private static final int READS_PER_SEND = 64;
  /** What a send waits for at most: more would only leave the cache before it is sent. */
  private static final int BYTES_PER_SEND = 64 << 10;

  private final PacketPort port;
  private final Supplier<ForwardingTable> tables;
  private final int overlayMtu;
  private final Tally tally;
  private final Framing framing;
  private final int prefixBytes;
  private final int slotBytes;
  private final boolean isRouter;
  /** What a prefix needs before a packet besides the place of the port's header, which is read by then. */
  private final int headroom;

  private final OffHeap block;
  private final ByteBuffer memory;
  private final PacketView packet;
  private final Segmenter segmenter;
  private final PathMtus paths;
  private final IcmpErrors icmp;
  private final Moderation moderation;
  private final @Nullable Outbox v4;
  private final @Nullable Outbox v6;
  private volatile boolean stopped;
  private int readAt;
  private int reads;
  private int headerSlots;
  /** How many were read since the last pause, counted as peers receive them. */
  private int packets;

  Outbound(
      DataPath.Settings settings,
      PacketPort port,
      Map<IpFamily, DatagramTransport> transports,
      Supplier<ForwardingTable> tables,
      Tally tally,
      LongSupplier nanoTime) {
    this.port = port;
    this.tables = tables;
    this.overlayMtu = settings.overlayMtu();
    this.tally = tally;
    this.framing = settings.framing();
    this.prefixBytes = framing.bytes();
    this.isRouter = framing.isPlain();
    this.headroom = Math.max(0, prefixBytes - PacketPort.HEADER_BYTES);
    this.slotBytes = Segmenter.slotBytes(prefixBytes);
    int icmpAt = HEADERS_AT + HEADER_SLOTS * slotBytes;
    this.block = new OffHeap(icmpAt + IcmpErrors.SLOT_BYTES);
    this.memory = block.buffer();
    this.packet = new PacketView(memory);
    this.segmenter = new Segmenter(memory, prefixBytes);
    this.icmp = new IcmpErrors(
        port,
        block,
        icmpAt,
        settings.sources(),
        new RateLimit(DataPath.ICMP_ERRORS_PER_SECOND, nanoTime),
        tally);
    this.moderation = new Moderation(nanoTime, LockSupport::parkNanos);
    this.paths = new PathMtus(nanoTime);
    this.v4 = outbox(transports, IpFamily.V4);
    this.v6 = outbox(transports, IpFamily.V6);
  }

  private @Nullable Outbox outbox(Map<IpFamily, DatagramTransport> transports, IpFamily family) {
    var transport = transports.get(family);
    return transport == null
        ? null
        : new Outbox(transport, block, family, prefixBytes, paths, tally);
  }

  /** Forwards what there is and what comes, until {@link #stop} or the port is shut down. */
  void run() throws IOException {
    drain();
    while (!stopped && port.await()) {
      drain();
      moderation.after(packets);
      packets = 0;
    }
  }

  /** Makes {@link #run} return as soon as it has forwarded what it has read. For any thread. */
  void stop() {
    stopped = true;
  }

  /** Forwards until there is nothing more to read. */
  void drain() throws IOException {
    while (!stopped && forwardNext()) {
      if (reads == READS_PER_SEND || readAt >= BYTES_PER_SEND) {
        flush();
      }
    }
    flush();
  }

  private boolean forwardNext() throws IOException {
    int length = port.read(block, readAt + headroom, ROOM);
    if (length == 0) {
      return false;
    }
    forward(readAt + headroom, length - PacketPort.HEADER_BYTES);
    readAt += headroom + length + 7 & ~7;
    reads++;
    packets++;
    return true;
  }

  private void flush() throws IOException {
    if (v4 != null) {
      v4.flush();
    }
    if (v6 != null) {
      v6.flush();
    }
    readAt = 0;
    reads = 0;
    headerSlots = 0;
  }

  private void forward(int at, int length) throws IOException {
    if (!packet.look(at + PacketPort.HEADER_BYTES, length)) {
      tally.add(PacketCounter.DROPPED_MALFORMED, 1);
      return;
    }
    ForwardingTable table = tables.get();
    int route = table.find(packet.isV6(), packet.destinationHigh(), packet.destinationLow());
    Outbox outbox = route == ForwardingTable.NONE ? null : table.endpointIsV6(route) ? v6 : v4;
    if (outbox == null) {
      dropUnroutable();
    } else if (isRouter && packet.ttl() <= 1) {
      drop(PacketCounter.DROPPED_TTL, IcmpErrors.Cause.TTL);
    } else if (VirtioNet.type(memory, at) == VirtioNet.NONE) {
      forwardOne(at, table, route, outbox);
    } else {
      forwardSegments(at, table, route, outbox);
    }
  }

  private void dropUnroutable() throws IOException {
    if (packet.hasUnicastDestination()) {
      drop(PacketCounter.DROPPED_NO_ROUTE, IcmpErrors.Cause.NO_ROUTE);
    } else {
      tally.add(PacketCounter.DROPPED_NOT_UNICAST, 1);
    }
  }

  private void dropTooBig(int limit) throws IOException {
    tally.add(PacketCounter.DROPPED_TOO_BIG, 1);
    icmp.send(IcmpErrors.Cause.TOO_BIG, packet, limit);
  }

  private void drop(PacketCounter counter, IcmpErrors.Cause cause) throws IOException {
    tally.add(counter, 1);
    icmp.send(cause, packet, overlayMtu);
  }

  private void forwardOne(int at, ForwardingTable table, int route, Outbox outbox)
      throws IOException {
    int limit = limit(table, route);
    if (packet.length() > limit && packet.isUnfragmentable()) {
      dropTooBig(limit);
    } else if (VirtioNet.needsChecksum(memory, at) && !finishChecksum(at)) {
      tally.add(PacketCounter.DROPPED_MALFORMED, 1);
    } else {
      hop();
      writePrefix(table, route);
      outbox.add(table, route, packet.offset() - prefixBytes, prefixBytes + packet.length());
    }
  }

  /** Returns the largest packet that goes this way unfragmented: less than the overlay's MTU where the path is narrower. */
  private int limit(ForwardingTable table, int route) {
    return paths.isEmpty()
        ? overlayMtu
        : Math.min(overlayMtu, Math.max(leastMtu(), pathLimit(table, route)));
  }

  private int pathLimit(ForwardingTable table, int route) {
    int headers = (table.endpointIsV6(route) ? V6_AND_UDP : V4_AND_UDP) + prefixBytes;
    return paths.mtu(table.endpointHigh(route), table.endpointLow(route)) - headers;
  }

  private int leastMtu() {
    return packet.isV6() ? PathMtus.LEAST_V6 : PathMtus.LEAST_V4;
  }

  private void hop() {
    if (isRouter) {
      packet.decrementTtl();
    }
  }

  /** Overwrites the port's header. */
  private void writePrefix(ForwardingTable table, int route) {
    if (prefixBytes > 0) {
      framing.write(memory, packet.offset() - prefixBytes, packet.isV6(), table.vtep(route));
    }
  }

  /** The field has the sum of the pseudo header; returns false if it is outside of the packet. */
  private boolean finishChecksum(int at) {
    int start = VirtioNet.checksumStart(memory, at);
    int offset = VirtioNet.checksumOffset(memory, at);
    if (start < packet.headerBytes() || start + offset + 2 > packet.length()) {
      return false;
    }
    int sum = Checksum.sum(memory, packet.offset() + start, packet.length() - start);
    int checksum = Checksum.complement(sum);
    boolean zeroMeansNone = offset == Segmenter.UDP_CHECKSUM;
    put16(
        memory,
        packet.offset() + start + offset,
        zeroMeansNone && checksum == 0 ? 0xffff : checksum);
    return true;
  }

  private void forwardSegments(int at, ForwardingTable table, int route, Outbox outbox)
      throws IOException {
    boolean consistent = segmenter.accepts(
        packet,
        VirtioNet.type(memory, at),
        VirtioNet.segmentBytes(memory, at),
        VirtioNet.checksumStart(memory, at));
    if (!consistent) {
      tally.add(PacketCounter.DROPPED_MALFORMED, 1);
      return;
    }
    int limit = limit(table, route);
    if (segmenter.packetBytes() > limit && packet.isUnfragmentable()) {
      dropTooBig(limit);
      return;
    }
    hop();
    segmenter.begin(packet);
    writePrefix(table, route);
    for (; segmenter.hasNext(); packets++) {
      if (headerSlots == HEADER_SLOTS) {
        sendAndKeepReading();
      }
      int slot = HEADERS_AT + headerSlots++ * slotBytes;
      segmenter.next(slot);
      outbox.add(
          table,
          route,
          slot,
          segmenter.slotLength(),
          segmenter.payloadOffset(),
          segmenter.payloadLength());
    }
  }

  /** Sends what was collected, but leaves alone what was read: the packet at hand is not yet all in the messages. */
  private void sendAndKeepReading() throws IOException {
    int keepReadAt = readAt;
    int keepReads = reads;
    flush();
    readAt = keepReadAt;
    reads = keepReads;
  }
}
