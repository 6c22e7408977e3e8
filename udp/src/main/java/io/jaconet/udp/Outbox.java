package io.jaconet.udp;

import io.jaconet.linux.DatagramTransport;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.SendBatch;
import io.jaconet.net.IpFamily;
import java.io.IOException;

/** Collects what goes out by one transport, and joins packets of equal size that follow each other to one peer. Confined to one thread. */
final class Outbox {
  private static final int MESSAGES = 64;
  private static final int MAX_PIECES = 2;
  private static final int SLICES = 1024;

  private final DatagramTransport transport;
  private final SendBatch batch;
  private final Tally tally;
  private final PathMtus paths;
  private final int prefixBytes;
  private int runSegments;
  private int runSegmentBytes;
  private int runBytes;
  private boolean runEnded;
  private long runHigh;
  private long runLow;
  private int runPort;

  /** What goes before each packet has {@code prefixBytes} bytes. */
  Outbox(
      DatagramTransport transport,
      OffHeap memory,
      IpFamily family,
      int prefixBytes,
      PathMtus paths,
      Tally tally) {
    this.transport = transport;
    this.batch = new SendBatch(memory, family, MESSAGES, SLICES);
    this.prefixBytes = prefixBytes;
    this.paths = paths;
    this.tally = tally;
  }

  /** Adds one complete packet, with what goes before it, to where {@code route} leads. */
  void add(ForwardingTable table, int route, int offset, int length) throws IOException {
    begin(table, route, length);
    batch.add(offset, length);
  }

  /** Adds one complete packet in two pieces, with what goes before it, to where {@code route} leads. */
  void add(ForwardingTable table, int route, int offset, int length, int restOffset, int restLength)
      throws IOException {
    begin(table, route, length + restLength);
    batch.add(offset, length);
    batch.add(restOffset, restLength);
  }

  private void begin(ForwardingTable table, int route, int length) throws IOException {
    if (!joinsRun(table, route, length)) {
      endRun();
      if (!batch.fits(MAX_PIECES * SendBatch.MAX_SEGMENTS)) {
        flush();
      }
      beginRun(table, route, length);
    }
    runSegments++;
    runBytes += length;
    runEnded = length < runSegmentBytes;
  }

  private boolean joinsRun(ForwardingTable table, int route, int length) {
    return runSegments > 0
        && runSegments < SendBatch.MAX_SEGMENTS
        && !runEnded
        && length <= runSegmentBytes
        && runBytes + length <= SendBatch.MAX_MESSAGE_BYTES
        && runHigh == table.endpointHigh(route)
        && runLow == table.endpointLow(route)
        && runPort == table.port(route);
  }

  private void beginRun(ForwardingTable table, int route, int length) {
    runHigh = table.endpointHigh(route);
    runLow = table.endpointLow(route);
    runPort = table.port(route);
    runSegmentBytes = length;
    runBytes = 0;
    batch.begin(runHigh, runLow, runPort);
  }

  private void endRun() {
    if (runSegments > 0) {
      batch.end(runSegmentBytes);
      runSegments = 0;
    }
  }

  /** Sends all that was collected. */
  void flush() throws IOException {
    endRun();
    if (batch.count() == 0) {
      return;
    }
    int packets = 0;
    for (int i = 0; i < batch.count(); i++) {
      packets += batch.segments(i);
    }
    int refused = transport.send(batch);
    tally.add(PacketCounter.SENT, packets - refused);
    tally.add(PacketCounter.SENT_BYTES, batch.bytes() - packets * prefixBytes);
    tally.add(PacketCounter.DROPPED_BY_TRANSPORT, refused);
    learnPaths();
    batch.clear();
  }

  private void learnPaths() {
    for (int i = 0; i < batch.count(); i++) {
      int mtu = batch.pathMtu(i);
      if (mtu > 0) {
        paths.learn(batch.destinationHigh(i), batch.destinationLow(i), mtu);
        tally.add(PacketCounter.SENT_IN_FRAGMENTS, batch.segments(i));
      }
    }
  }
}
