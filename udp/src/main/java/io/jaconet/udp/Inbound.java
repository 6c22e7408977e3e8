package io.jaconet.udp;

import io.jaconet.linux.DatagramTransport;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.ReceiveBatch;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** The way from the peers, over one transport, to the port. Confined to one thread. */
final class Inbound {
  private static final int MESSAGES = 64;
  private static final int NONE = -1;
  private static final int COALESCER_AT = MESSAGES * ReceiveBatch.SLOT_BYTES;
  private static final int ICMP_AT = COALESCER_AT + Coalescer.MEMORY_BYTES;
  private static final int MEMORY_BYTES = ICMP_AT + IcmpErrors.SLOT_BYTES;

  private final DatagramTransport transport;
  private final Supplier<ForwardingTable> tables;
  private final SourceCheck sourceCheck;
  private final Framing framing;
  private final boolean isRouter;
  private final int overlayMtu;
  private final Tally tally;
  private final OffHeap block = new OffHeap(MEMORY_BYTES);
  private final ReceiveBatch batch = new ReceiveBatch(block, 0, MESSAGES);
  private final PacketView packet = new PacketView(block.buffer());
  private final Coalescer coalescer;
  private final IcmpErrors icmp;
  private final Moderation moderation;

  // Packets of one message mostly come from one source: whether the one before was believed.
  private int lastMessage = NONE;
  private long lastHigh;
  private long lastLow;
  private boolean lastIsV6;
  private boolean lastIsBelieved;

  Inbound(
      DataPath.Settings settings,
      PacketPort port,
      DatagramTransport transport,
      Supplier<ForwardingTable> tables,
      Tally tally,
      LongSupplier nanoTime) {
    this.transport = transport;
    this.tables = tables;
    this.sourceCheck = settings.sourceCheck();
    this.framing = settings.framing();
    this.isRouter = framing.isPlain();
    this.overlayMtu = settings.overlayMtu();
    this.tally = tally;
    this.coalescer = new Coalescer(
        port,
        block,
        COALESCER_AT,
        isRouter ? null : new KernelLeftovers(block.buffer(), port.offloads(), overlayMtu),
        tally);
    this.moderation = new Moderation(nanoTime, LockSupport::parkNanos);
    this.icmp = new IcmpErrors(
        port,
        block,
        ICMP_AT,
        settings.sources(),
        new RateLimit(DataPath.ICMP_ERRORS_PER_SECOND, nanoTime),
        tally);
  }

  /** Forwards what comes until the transport is shut down. */
  void run() throws IOException {
    while (forwardNext()) {
      if (!batch.isFull()) {
        moderation.after(batch.count());
      }
    }
  }

  /** Waits for datagrams and forwards them; returns false once the transport is shut down. */
  boolean forwardNext() throws IOException {
    if (!transport.receive(batch)) {
      return false;
    }
    ForwardingTable table = tables.get();
    lastMessage = NONE;
    for (int message = 0; message < batch.count(); message++) {
      forward(message, table);
    }
    coalescer.flush();
    return true;
  }

  private void forward(int message, ForwardingTable table) throws IOException {
    int bytes = batch.bytes(message);
    if (bytes == 0 || batch.truncated(message)) {
      tally.add(PacketCounter.DROPPED_MALFORMED, 1);
      return;
    }
    int segment = batch.segmentBytes(message);
    int at = batch.offset(message);
    if (!isRouter) {
      forwardFrames(message, at, bytes, segment, table);
      return;
    }
    for (int end = at + bytes; at < end; at += segment) {
      if (!packet.look(at, Math.min(segment, end - at))) {
        tally.add(PacketCounter.DROPPED_MALFORMED, 1);
      } else if (!isBelieved(message, table)) {
        tally.add(PacketCounter.DROPPED_FOREIGN_SOURCE, 1);
      } else if (packet.ttl() <= 1) {
        tally.add(PacketCounter.DROPPED_TTL, 1);
        icmp.send(IcmpErrors.Cause.TTL, packet, overlayMtu);
      } else {
        packet.decrementTtl();
        coalescer.add(packet);
      }
    }
  }

  private void forwardFrames(int message, int first, int bytes, int segment, ForwardingTable table)
      throws IOException {
    if (segment < bytes && isOneFrame(first, bytes)) {
      forwardFrame(message, first, bytes, segment, table);
      return;
    }
    for (int at = first; at < first + bytes; at += segment) {
      forwardFrame(message, at, Math.min(segment, first + bytes - at), 0, table);
    }
  }

  /** A kernel that left its VXLAN frames whole says of them as size of the datagrams what is that of the datagrams inside. */
  private boolean isOneFrame(int at, int bytes) {
    int packetAt = framing.bytes();
    return bytes >= packetAt + PacketView.V6_HEADER_BYTES
        && packet.claimedBytes(at + packetAt) == bytes - packetAt;
  }

  private void forwardFrame(int message, int at, int bytes, int payload, ForwardingTable table)
      throws IOException {
    var refusal = framing.refusal(block.buffer(), at, bytes);
    if (refusal != null) {
      tally.add(refusal, 1);
    } else if (!packet.lookPadded(at + framing.bytes(), bytes - framing.bytes())
        || packet.isV6() != framing.saysV6(block.buffer(), at)) {
      tally.add(PacketCounter.DROPPED_MALFORMED, 1);
    } else if (!isBelieved(message, table)) {
      tally.add(PacketCounter.DROPPED_FOREIGN_SOURCE, 1);
    } else {
      coalescer.add(packet, payload);
    }
  }

  private boolean isBelieved(int message, ForwardingTable table) {
    if (sourceCheck == SourceCheck.OFF) {
      return true;
    }
    if (message != lastMessage
        || packet.sourceHigh() != lastHigh
        || packet.sourceLow() != lastLow
        || packet.isV6() != lastIsV6) {
      lastMessage = message;
      lastHigh = packet.sourceHigh();
      lastLow = packet.sourceLow();
      lastIsV6 = packet.isV6();
      lastIsBelieved = isSentByHolder(message, table);
    }
    return lastIsBelieved;
  }

  private boolean isSentByHolder(int message, ForwardingTable table) {
    int route = table.find(packet.isV6(), packet.sourceHigh(), packet.sourceLow());
    if (route == ForwardingTable.NONE) {
      return false;
    }
    boolean senderIsV6 = batch.sourceFamily(message) == IpFamily.V6;
    long high = batch.sourceHigh(message);
    long low = batch.sourceLow(message);
    return sourceCheck == SourceCheck.STRICT
        ? table.leadsTo(route, senderIsV6, high, low)
        : table.hasPeerAt(senderIsV6, high, low);
  }
}
