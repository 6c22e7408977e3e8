package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableMap;
import com.sun.management.ThreadMXBean;
import io.jaconet.linux.DatagramTransport;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.ReceiveBatch;
import io.jaconet.linux.SendBatch;
import io.jaconet.linux.Slices;
import io.jaconet.linux.TunOffloads;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AllocationTest {
  private static final int ROUNDS = 20_000;

  /** Half a byte each: the ends are made so that they allocate nothing, and the JIT's own is little. */
  private static final long ALLOWED_BYTES = ROUNDS / 2;

  private static DataPath.Settings settings(Framing framing) {
    return new DataPath.Settings(
        "test", ImmutableMap.of(), OneHost.VXLAN_OVERLAY_MTU, SourceCheck.STRICT, framing);
  }

  static Stream<Framing> framings() {
    return Stream.of(Framing.PLAIN, OneHost.VXLAN);
  }

  private static long allocatedBytes() {
    return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
  }

  @ParameterizedTest
  @MethodSource("framings")
  void nothingIsAllocatedPerPacketOnTheWayOut(Framing framing) throws Exception {
    var port = new Repeating(
        PacketSpec.udp("10.244.1.2", "10.244.2.2", new byte[100]).bytes(),
        OneHost.at(IpFamily.V4, 1));
    var table = OneHost.table();
    var tally = new Tally();
    var outbound = new Outbound(
        settings(framing),
        port,
        ImmutableMap.of(IpFamily.V4, port),
        () -> table,
        tally,
        System::nanoTime);
    port.left = ROUNDS;
    outbound.drain();

    long before = allocatedBytes();
    port.left = ROUNDS;
    outbound.drain();
    long allocated = allocatedBytes() - before;

    assertTrue(tally.get(PacketCounter.SENT) == 2L * ROUNDS);
    assertTrue(allocated < ALLOWED_BYTES, allocated + " bytes");
  }

  @ParameterizedTest
  @MethodSource("framings")
  void nothingIsAllocatedPerPacketOnTheWayIn(Framing framing) throws Exception {
    byte[] packet = PacketSpec.udp("10.244.2.2", "10.244.1.2", new byte[100]).bytes();
    var port = new Repeating(
        framing.isPlain() ? packet : VxlanFramesTest.frame(packet), OneHost.at(IpFamily.V4, 2));
    var table = OneHost.table();
    var tally = new Tally();
    var inbound = new Inbound(settings(framing), port, port, () -> table, tally, System::nanoTime);
    for (int i = 0; i < ROUNDS; i++) {
      inbound.forwardNext();
    }

    long before = allocatedBytes();
    for (int i = 0; i < ROUNDS; i++) {
      inbound.forwardNext();
    }
    long allocated = allocatedBytes() - before;

    assertTrue(tally.get(PacketCounter.RECEIVED) == 2L * ROUNDS);
    assertTrue(allocated < ALLOWED_BYTES, allocated + " bytes");
  }

  /** Gives one packet again and again and forgets what it takes. */
  private static final class Repeating implements PacketPort, DatagramTransport {
    private final byte[] packet;
    private final ByteBuffer payload;
    private final IpAddress source;
    private int left;

    Repeating(byte[] packet, IpAddress source) {
      this.packet = packet;
      this.payload = ByteBuffer.wrap(packet);
      this.source = source;
    }

    @Override
    public TunOffloads offloads() {
      return OneHost.ALL;
    }

    @Override
    public int read(OffHeap memory, int offset, int capacity) {
      if (left == 0) {
        return 0;
      }
      left--;
      memory.buffer().putLong(offset, 0).putShort(offset + 8, (short) 0);
      memory.buffer().put(offset + HEADER_BYTES, packet);
      return HEADER_BYTES + packet.length;
    }

    @Override
    public boolean await() {
      return false;
    }

    @Override
    public boolean write(Slices written) {
      return true;
    }

    @Override
    public int send(SendBatch batch) {
      return 0;
    }

    @Override
    public boolean receive(ReceiveBatch batch) {
      batch.clear();
      batch.add(source, payload, packet.length);
      return true;
    }

    @Override
    public void shutdown() {}

    @Override
    public void close() throws IOException {}
  }
}
