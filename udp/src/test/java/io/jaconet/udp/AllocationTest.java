package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever happens to a packet, nothing is allocated for it. */
class AllocationTest {
  private static final int PACKETS_PER_ROUND = 2_000;

  /** The first few warm up; and the JVM may at any time allocate something in the thread's name, but not each time. */
  private static final int MAX_ROUNDS = 50;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final String WORKLOAD = "10.244.1.2";
  private static final String REMOTE = "10.244.2.2";
  private static final String WORKLOAD_V6 = "fd00:244:0:1::2";
  private static final String REMOTE_V6 = "fd00:244:0:2::2";

  /**
   * Packets that come again and again.
   *
   * @param framing what is before each packet in its datagram
   * @param what names them
   * @param happens what is counted of them
   * @param given what a port gives, header first, or what a transport gives as one message
   * @param datagramBytes the length of each datagram of a message
   * @param isJoined whether the port gets the packets of a message in one piece
   */
  private record Load(
      Framing framing,
      String what,
      PacketCounter happens,
      List<byte[]> given,
      int datagramBytes,
      boolean isJoined) {
    Load inFrames() {
      return new Load(OneHost.VXLAN, what, happens, given, datagramBytes, isJoined);
    }

    @Override
    public String toString() {
      return framing.isPlain() ? what : what + ", in VXLAN frames";
    }
  }

  private static Load out(String what, PacketCounter happens, byte[]... packets) {
    return new Load(Framing.PLAIN, what, happens, List.of(packets), 0, false);
  }

  private static byte[] whole(PacketSpec spec) {
    byte[] packet = spec.bytes();
    return ByteBuffer.allocate(PacketPort.HEADER_BYTES + packet.length)
        .put(PacketPort.HEADER_BYTES, packet)
        .array();
  }

  /** Returns what the kernel gives that leaves the checksum to others, and the cutting if {@code type} is not 0. */
  private static byte[] unfinished(int type, PacketSpec spec, int segmentBytes) {
    byte[] packet = spec.unfinished();
    return ByteBuffer.allocate(PacketPort.HEADER_BYTES + packet.length)
        .order(ByteOrder.nativeOrder())
        .put((byte) 1)
        .put((byte) type)
        .putShort((short) spec.headerBytes())
        .putShort((short) segmentBytes)
        .putShort((short) spec.ipBytes())
        .putShort((short) (spec.protocol == PacketSpec.TCP ? 16 : 6))
        .put(packet)
        .array();
  }

  private static PacketSpec udp(String from, String to, int payloadBytes) {
    return PacketSpec.udp(from, to, new byte[payloadBytes]);
  }

  private static PacketSpec tcp(String from, String to, int payloadBytes) {
    return PacketSpec.tcp(from, to, new byte[payloadBytes]);
  }

  private static PacketSpec withTtl(int ttl, PacketSpec spec) {
    spec.ttl = ttl;
    return spec;
  }

  private static PacketSpec unfragmentable(PacketSpec spec) {
    spec.dontFragment = true;
    return spec;
  }

  static Stream<Load> outgoing() {
    return plainOutgoing()
        .flatMap(load -> load.happens == PacketCounter.ICMP_ERRORS
            ? Stream.of(load)
            : Stream.of(load, load.inFrames()));
  }

  private static Stream<Load> plainOutgoing() {
    var malformed = whole(udp(WORKLOAD, REMOTE, 10));
    malformed[PacketPort.HEADER_BYTES + 3]++;
    return Stream.of(
        out(
            "equal and other sizes to two peers",
            PacketCounter.SENT,
            whole(udp(WORKLOAD, REMOTE, 100)),
            whole(udp(WORKLOAD, REMOTE, 100)),
            whole(udp(WORKLOAD, "10.244.3.2", 30)),
            whole(udp(WORKLOAD, REMOTE, 1300))),
        out("IPv6", PacketCounter.SENT, whole(udp(WORKLOAD_V6, REMOTE_V6, 100))),
        out(
            "checksum to be finished",
            PacketCounter.SENT,
            unfinished(0, tcp(WORKLOAD, REMOTE, 1000), 0),
            unfinished(0, udp(WORKLOAD_V6, REMOTE_V6, 1000), 0)),
        out(
            "TCP to be cut",
            PacketCounter.SENT,
            unfinished(VirtioNet.TCPV4, tcp(WORKLOAD, REMOTE, 64_000), 1400)),
        out(
            "TCP over IPv6 to be cut",
            PacketCounter.SENT,
            unfinished(VirtioNet.TCPV6, tcp(WORKLOAD_V6, REMOTE_V6, 64_000), 1300)),
        out(
            "UDP to be cut",
            PacketCounter.SENT,
            unfinished(VirtioNet.UDP_L4, udp(WORKLOAD, REMOTE, 64_000), 1000)),
        out(
            "cut packets too big",
            PacketCounter.DROPPED_TOO_BIG,
            unfinished(VirtioNet.TCPV4, unfragmentable(tcp(WORKLOAD, REMOTE, 64_000)), 1460)),
        out(
            "TTL used up, sender told",
            PacketCounter.ICMP_ERRORS,
            whole(withTtl(1, udp(WORKLOAD, REMOTE, 100))),
            whole(withTtl(1, udp(WORKLOAD_V6, REMOTE_V6, 100)))),
        out(
            "no route, sender told",
            PacketCounter.DROPPED_NO_ROUTE,
            whole(udp(WORKLOAD, "10.244.77.2", 100)),
            whole(udp(WORKLOAD_V6, "fd00:244:0:77::2", 100))),
        out(
            "too big, sender told",
            PacketCounter.DROPPED_TOO_BIG,
            whole(unfragmentable(udp(WORKLOAD, REMOTE, 1460))),
            whole(udp(WORKLOAD_V6, REMOTE_V6, 1460))),
        out(
            "not unicast",
            PacketCounter.DROPPED_NOT_UNICAST,
            whole(udp(WORKLOAD, "224.0.0.1", 100))),
        out("malformed", PacketCounter.DROPPED_MALFORMED, malformed));
  }

  static Stream<Load> incoming() {
    return Stream.of(
            incoming(Framing.PLAIN),
            incoming(OneHost.VXLAN).filter(load -> load.happens != PacketCounter.ICMP_ERRORS),
            leftByTheKernel())
        .flatMap(loads -> loads);
  }

  /** What another host's kernel sends in frames over a link that does no work for it. */
  private static Stream<Load> leftByTheKernel() {
    return Stream.of(
        in(
            OneHost.VXLAN,
            "checksum unfinished",
            PacketCounter.RECEIVED,
            List.of(tcp(REMOTE, WORKLOAD, 1000).unfinished())),
        in(
            OneHost.VXLAN,
            "left whole",
            PacketCounter.RECEIVED,
            List.of(tcp(REMOTE, WORKLOAD, 60_000).unfinished())));
  }

  private static Stream<Load> incoming(Framing framing) {
    List<byte[]> stream = new ArrayList<>();
    List<byte[]> streamV6 = new ArrayList<>();
    List<byte[]> flow = new ArrayList<>();
    List<byte[]> manyFlows = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      stream.add(segment(REMOTE, WORKLOAD, i).bytes());
      streamV6.add(segment(REMOTE_V6, WORKLOAD_V6, i).bytes());
      flow.add(unfragmentable(udp(REMOTE, WORKLOAD, 500)).bytes());
      var spec = udp(REMOTE, WORKLOAD, 500);
      spec.sourcePort += i % 13;
      manyFlows.add(spec.bytes());
    }
    var broken = segment(REMOTE, WORKLOAD, 0).bytes();
    broken[100]++;
    var malformed = udp(REMOTE, WORKLOAD, 10).bytes();
    malformed[3]++;
    return Stream.of(
        in(
            framing,
            "alone",
            PacketCounter.RECEIVED,
            List.of(udp(REMOTE, WORKLOAD, 100).bytes())),
        joined(framing, "TCP to be joined", stream),
        joined(framing, "TCP over IPv6 to be joined", streamV6),
        joined(framing, "UDP to be joined", flow),
        in(framing, "more flows than are held", PacketCounter.RECEIVED, manyFlows),
        in(framing, "wrong checksum", PacketCounter.RECEIVED, List.of(broken)),
        in(
            framing,
            "TTL used up, sender told",
            PacketCounter.ICMP_ERRORS,
            List.of(withTtl(1, udp(REMOTE, WORKLOAD, 100)).bytes())),
        in(
            framing,
            "foreign source",
            PacketCounter.DROPPED_FOREIGN_SOURCE,
            List.of(udp("10.244.3.2", WORKLOAD, 100).bytes())),
        in(framing, "malformed", PacketCounter.DROPPED_MALFORMED, List.of(malformed)));
  }

  private static PacketSpec segment(String from, String to, int index) {
    var spec = unfragmentable(tcp(from, to, 1000));
    spec.sequence = index * 1000;
    return spec;
  }

  private static Load in(
      Framing framing, String what, PacketCounter happens, List<byte[]> packets) {
    return in(framing, what, happens, packets, false);
  }

  private static Load joined(Framing framing, String what, List<byte[]> packets) {
    return in(framing, what, PacketCounter.RECEIVED, packets, true);
  }

  /** The packets are of equal length. */
  private static Load in(
      Framing framing, String what, PacketCounter happens, List<byte[]> packets, boolean isJoined) {
    int each = framing.bytes() + packets.get(0).length;
    var message = ByteBuffer.allocate(each * packets.size());
    packets.forEach(
        packet -> message.put(framing.isPlain() ? packet : VxlanFramesTest.frame(packet)));
    return new Load(framing, what, happens, List.of(message.array()), each, isJoined);
  }

  @ParameterizedTest
  @MethodSource("outgoing")
  void nothingIsAllocatedOnTheWayOut(Load load) throws Exception {
    var ends = new Ends(load);
    var tally = new Tally();
    var table = OneHost.table();
    var outbound = new Outbound(
        settings(load.framing),
        ends,
        ImmutableMap.of(IpFamily.V4, ends, IpFamily.V6, ends),
        () -> table,
        tally,
        ends::nanoTime);

    long least = leastAllocated(() -> {
      ends.left = PACKETS_PER_ROUND;
      outbound.drain();
    });

    assertEquals(0, least);
    assertTrue(tally.get(load.happens) >= PACKETS_PER_ROUND, load.happens.name());
  }

  @ParameterizedTest
  @MethodSource("incoming")
  void nothingIsAllocatedOnTheWayIn(Load load) throws Exception {
    var ends = new Ends(load);
    var tally = new Tally();
    var table = OneHost.table();
    var inbound =
        new Inbound(settings(load.framing), ends, ends, () -> table, tally, ends::nanoTime);

    long least = leastAllocated(() -> {
      for (int i = 0; i < PACKETS_PER_ROUND; i++) {
        inbound.forwardNext();
      }
    });

    assertEquals(0, least);
    assertEquals(load.isJoined, ends.longest > PacketPort.HEADER_BYTES + load.datagramBytes);
    assertTrue(tally.get(load.happens) >= PACKETS_PER_ROUND, load.happens.name());
  }

  private static DataPath.Settings settings(Framing framing) {
    var sources = ImmutableMap.of(
        IpFamily.V4, OneHost.subnet(IpFamily.V4, 1).base(),
        IpFamily.V6, OneHost.subnet(IpFamily.V6, 1).base());
    return new DataPath.Settings(
        "test", sources, OneHost.VXLAN_OVERLAY_MTU, SourceCheck.STRICT, framing);
  }

  @FunctionalInterface
  private interface Round {
    void run() throws IOException;
  }

  /** Returns how many bytes the round allocated that allocated the least. */
  private static long leastAllocated(Round round) throws IOException {
    long least = Long.MAX_VALUE;
    for (int i = 0; i < MAX_ROUNDS && least > 0; i++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      round.run();
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    return least;
  }

  /** Gives what the load is, forgets what it takes, and allocates nothing. A second passes whenever somebody looks. */
  private static final class Ends implements PacketPort, DatagramTransport {
    private final byte[][] given;
    private final ByteBuffer message;
    private final int datagramBytes;
    private final IpAddress source;
    private int next;
    private int left;
    private int longest;
    private long nanoTime;

    Ends(Load load) {
      given = load.given.toArray(byte[][]::new);
      message = ByteBuffer.wrap(given[0]);
      datagramBytes = load.datagramBytes;
      boolean isV6 = given[0][load.framing.bytes()] >> 4 == 6;
      source = OneHost.at(isV6 ? IpFamily.V6 : IpFamily.V4, 2);
    }

    long nanoTime() {
      nanoTime += 1_000_000_000L;
      return nanoTime;
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
      byte[] packet = given[next];
      next = (next + 1) % given.length;
      memory.buffer().put(offset, packet);
      return packet.length;
    }

    @Override
    public boolean await() {
      return false;
    }

    @Override
    public boolean write(Slices packet) {
      longest = Math.max(longest, packet.bytes());
      return true;
    }

    @Override
    public int send(SendBatch batch) {
      return 0;
    }

    @Override
    public boolean receive(ReceiveBatch batch) {
      batch.clear();
      batch.add(source, message, datagramBytes);
      return true;
    }

    @Override
    public void shutdown() {}

    @Override
    public void close() {}
  }
}
