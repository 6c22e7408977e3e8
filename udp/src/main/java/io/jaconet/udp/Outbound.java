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
  private static final int READ_BYTES = 4 * (ROOM + 3);
  private static final int HEADER_SLOTS = 4 * SendBatch.MAX_SEGMENTS;
  private static final int HEADERS_AT = READ_BYTES;
  private static final int ICMP_AT = HEADERS_AT + HEADER_SLOTS * Segmenter.HEADER_BYTES;
  private static final int MEMORY_BYTES = ICMP_AT + IcmpErrors.SLOT_BYTES;

  private static final int READS_PER_SEND = 64;
  /** What a send waits for at most: more would only leave the cache before it is sent. */
  private static final int BYTES_PER_SEND = 64 << 10;

  private final PacketPort port;
  private final Supplier<ForwardingTable> tables;
  private final int overlayMtu;
  private final Tally tally;
  private final OffHeap block = new OffHeap(MEMORY_BYTES);
  private final ByteBuffer memory = block.buffer();
  private final PacketView packet = new PacketView(memory);
  private final Segmenter segmenter = new Segmenter(memory);
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
    this.icmp = new IcmpErrors(
        port,
        block,
        ICMP_AT,
        settings.sources(),
        new RateLimit(DataPath.ICMP_ERRORS_PER_SECOND, nanoTime),
        tally);
    this.moderation = new Moderation(nanoTime, LockSupport::parkNanos);
    this.v4 = outbox(transports, IpFamily.V4);
    this.v6 = outbox(transports, IpFamily.V6);
  }

  private @Nullable Outbox outbox(Map<IpFamily, DatagramTransport> transports, IpFamily family) {
    var transport = transports.get(family);
    return transport == null ? null : new Outbox(transport, block, family, tally);
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
    int length = port.read(block, readAt, ROOM);
    if (length == 0) {
      return false;
    }
    forward(readAt, length - PacketPort.HEADER_BYTES);
    readAt += length + 7 & ~7;
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
    } else if (packet.ttl() <= 1) {
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

  private void drop(PacketCounter counter, IcmpErrors.Cause cause) throws IOException {
    tally.add(counter, 1);
    icmp.send(cause, packet, overlayMtu);
  }

  private void forwardOne(int at, ForwardingTable table, int route, Outbox outbox)
      throws IOException {
    if (packet.length() > overlayMtu && packet.isUnfragmentable()) {
      drop(PacketCounter.DROPPED_TOO_BIG, IcmpErrors.Cause.TOO_BIG);
    } else if (VirtioNet.needsChecksum(memory, at) && !finishChecksum(at)) {
      tally.add(PacketCounter.DROPPED_MALFORMED, 1);
    } else {
      packet.decrementTtl();
      outbox.add(table, route, packet.offset(), packet.length());
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
    packet.decrementTtl();
    boolean consistent = segmenter.begin(
        packet,
        VirtioNet.type(memory, at),
        VirtioNet.segmentBytes(memory, at),
        VirtioNet.checksumStart(memory, at));
    if (!consistent) {
      tally.add(PacketCounter.DROPPED_MALFORMED, 1);
      return;
    }
    if (segmenter.packetBytes() > overlayMtu) {
      tally.add(PacketCounter.DROPPED_TOO_BIG, 1);
      return;
    }
    while (segmenter.hasNext()) {
      int segments = segmenter.nextSegments();
      if (headerSlots + segments > HEADER_SLOTS || !outbox.fits(2 * segments)) {
        sendAndKeepReading();
      }
      outbox.beginMessage(table, route);
      segmenter.addMessage(outbox, HEADERS_AT + headerSlots * Segmenter.HEADER_BYTES);
      outbox.endMessage(segmenter.packetBytes());
      headerSlots += segments;
      packets += segments;
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
