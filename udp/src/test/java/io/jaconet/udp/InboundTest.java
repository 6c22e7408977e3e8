package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jaconet.net.IpFamily;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InboundTest {
  private static final long SEED = 20261127;

  private final OneHost host = new OneHost();

  private static PacketSpec udp(int payloadBytes) {
    return PacketSpec.udp("10.244.2.2", "10.244.1.2", new byte[payloadBytes]);
  }

  private static PacketSpec tcp(int sequence, int payloadBytes) {
    var spec = PacketSpec.tcp("10.244.2.2", "10.244.1.2", new byte[payloadBytes]);
    spec.sequence = sequence;
    spec.dontFragment = true;
    return spec;
  }

  private static byte[] hopped(PacketSpec spec) {
    var there = spec.copy();
    there.ttl--;
    return there.bytes();
  }

  @Test
  void writesThePacketWithItsTtlLessOne() throws Exception {
    var written = host.receive(2, udp(9).bytes());
    var v6 = PacketSpec.udp("fd00:244:0:2::2", "fd00:244:0:1::2", new byte[9]);
    var writtenV6 = host.receiveV6(2, v6.bytes());

    assertEquals(1, written.size());
    assertArrayEquals(hopped(udp(9)), OneHost.withoutHeader(written.get(0)));
    assertArrayEquals(hopped(v6), OneHost.withoutHeader(writtenV6.get(0)));
  }

  /** flannel's figures: 1 and 2 do not arrive, 3 does, 64 arrives as 62. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 64})
  void theOverlayCostsTwoSteps(int ttl) throws Exception {
    var spec = PacketSpec.udp("10.244.2.2", "10.244.3.2", new byte[4]);
    spec.ttl = ttl;
    List<byte[]> arrived = new ArrayList<>();
    for (byte[] datagram : host.send(spec.bytes())) {
      host.port.takeWritten();
      arrived.addAll(host.receive(2, datagram));
    }
    arrived.removeIf(written -> written[10 + 9] == 1);

    assertEquals(
        ttl < 3 ? List.of() : List.of(ttl - 2),
        arrived.stream().map(written -> (int) written[10 + 8]).toList());
    assertEquals(ttl < 3 ? 1 : 0, host.count(PacketCounter.DROPPED_TTL));
  }

  @Test
  void believesOnlyTheHolderOfTheSourcesSubnet() throws Exception {
    var stranger = PacketSpec.udp("10.244.99.2", "10.244.1.2", new byte[4]).bytes();

    assertEquals(List.of(), host.receive(3, udp(4).bytes()));
    assertEquals(List.of(), host.receive(2, stranger));
    assertEquals(
        List.of(),
        host.receive(2, PacketSpec.udp("10.244.1.9", "10.244.1.2", new byte[4]).bytes()));
    assertEquals(3, host.count(PacketCounter.DROPPED_FOREIGN_SOURCE));
  }

  @Test
  void believesWhomTheOptionSays() throws Exception {
    var loose = new OneHost(OneHost.ALL, SourceCheck.LOOSE);
    var off = new OneHost(OneHost.ALL, SourceCheck.OFF);
    var stranger = PacketSpec.udp("10.244.99.2", "10.244.1.2", new byte[4]).bytes();

    assertEquals(1, loose.receive(3, udp(4).bytes()).size());
    assertEquals(0, loose.receive(3, stranger).size());
    assertEquals(0, loose.receive(77, udp(4).bytes()).size());
    assertEquals(1, off.receive(77, stranger).size());
  }

  /** Class U. */
  @Test
  void dropsWhatIsNotExactlyOnePacket() throws Exception {
    byte[] good = udp(20).bytes();
    var bad = new ArrayList<byte[]>();
    for (int length = 0; length < good.length; length++) {
      bad.add(Arrays.copyOf(good, length));
    }
    bad.add(Arrays.copyOf(good, good.length + 1));
    for (int first : new int[] {0x05, 0x55, 0x65, 0x40, 0x41, 0x44, 0x4f}) {
      byte[] other = good.clone();
      other[0] = (byte) first;
      bad.add(other);
    }

    for (byte[] datagram : bad) {
      assertEquals(List.of(), host.receive(2, datagram), Arrays.toString(datagram));
    }
    assertEquals(bad.size(), host.count(PacketCounter.DROPPED_MALFORMED));
  }

  @Test
  void whatThePortRefusesIsCounted() throws Exception {
    host.port.refuse(true);

    host.receive(2, tcp(0, 100).bytes(), tcp(100, 100).bytes());

    assertEquals(2, host.count(PacketCounter.DROPPED_BY_PORT));
    assertEquals(0, host.count(PacketCounter.RECEIVED));
  }

  @Test
  void packetsOfOneFlowAreWrittenInOnePiece() throws Exception {
    var written = host.receive(
        2,
        tcp(0, 1000).bytes(),
        tcp(1000, 1000).bytes(),
        tcp(2000, 500).bytes(),
        tcp(2500, 500).bytes());

    assertEquals(
        List.of(10 + 40 + 2500, 10 + 40 + 500),
        written.stream().map(w -> w.length).toList());
    assertEquals(4, host.count(PacketCounter.RECEIVED));
    assertEquals(4 * 40 + 3000, host.count(PacketCounter.RECEIVED_BYTES));
  }

  @Test
  void aWrongChecksumGoesOnAloneForTheReceiverToSee() throws Exception {
    byte[] wrong = tcp(1000, 1000).bytes();
    wrong[500] ^= 1;

    var written = host.receive(2, tcp(0, 1000).bytes(), wrong, tcp(2000, 1000).bytes());

    assertEquals(3, written.size());
    assertEquals(wrong[500], written.get(1)[510]);
  }

  @Test
  void withoutOffloadsEveryPacketIsWrittenAlone() throws Exception {
    var plain = new OneHost(OneHost.NO_OFFLOADS, SourceCheck.STRICT);

    var written = plain.receive(
        2,
        tcp(0, 100).bytes(),
        tcp(100, 100).bytes(),
        udp(100).bytes(),
        udp(100).bytes());

    assertEquals(4, written.size());
  }

  /**
   * Whatever is joined, the kernel must make of it the packets that came, in the order of their flow.
   */
  @Test
  void theSamePacketsComeOutInTheOrderOfTheirFlow() throws Exception {
    var random = new Random(SEED);
    for (int round = 0; round < 600; round++) {
      var source = new PacketSource(random, 1 + random.nextInt(12));
      var specs = Stream.generate(source::next).limit(1 + random.nextInt(64)).toList();
      var datagrams = specs.stream().map(PacketSpec::bytes).toArray(byte[][]::new);

      var written = new ArrayList<byte[]>();
      for (byte[] one : source.v6 ? host.receiveV6(2, datagrams) : host.receive(2, datagrams)) {
        written.addAll(SlowSegments.of(one));
      }

      var expected = new LinkedHashMap<Integer, List<String>>();
      specs.forEach(spec -> expected
          .computeIfAbsent(spec.sourcePort, port -> new ArrayList<>())
          .add(Arrays.toString(hopped(spec))));
      assertEquals(expected, byFlow(written, source.v6), "seed " + SEED + " round " + round);
    }
  }

  private static Map<Integer, List<String>> byFlow(List<byte[]> packets, boolean v6) {
    var flows = new LinkedHashMap<Integer, List<String>>();
    int at = v6 ? IpFamily.V6.headerBytes() : IpFamily.V4.headerBytes();
    for (byte[] packet : packets) {
      int port = (packet[at] & 0xff) << 8 | packet[at + 1] & 0xff;
      flows.computeIfAbsent(port, p -> new ArrayList<>()).add(Arrays.toString(packet));
    }
    return flows;
  }

  /** Packets of several flows, most of which follow on from the one before. */
  private static final class PacketSource {
    private final Random random;
    private final List<PacketSpec> flows = new ArrayList<>();
    private final boolean v6;
    private final int size;

    PacketSource(Random random, int count) {
      this.random = random;
      v6 = random.nextBoolean();
      size = 1 + random.nextInt(random.nextBoolean() ? 1400 : 40);
      for (int i = 0; i < count; i++) {
        var flow = v6
            ? PacketSpec.udp("fd00:244:0:2::2", "fd00:244:0:1::2", new byte[0])
            : PacketSpec.udp("10.244.2.2", "10.244.1.2", new byte[0]);
        flow.sourcePort = 1000 + i;
        if (random.nextInt(3) > 0) {
          flow.protocol = PacketSpec.TCP;
          flow.options = new byte[random.nextInt(2) * 12];
        }
        flow.dontFragment = random.nextBoolean();
        flow.sequence = random.nextInt();
        flow.id = random.nextInt(1 << 16);
        flows.add(flow);
      }
    }

    PacketSpec next() {
      var flow = flows.get(random.nextInt(flows.size()));
      var packet = flow.copy();
      packet.payload = new byte[random.nextInt(5) == 0 ? random.nextInt(size + 1) : size];
      random.nextBytes(packet.payload);
      switch (random.nextInt(24)) {
        case 0 -> packet.flags = random.nextInt(256);
        case 1 -> packet.ttl--;
        case 2 -> packet.tos = random.nextInt(256);
        case 3 -> packet.window++;
        case 4 -> packet.acknowledgment++;
        case 5 -> packet.sequence += random.nextInt(3);
        case 6 -> packet.flags |= 0x08;
        case 7 -> packet.payload = new byte[0];
        case 8 -> packet.id += packet.dontFragment ? 0 : 1;
        case 9 -> packet.options = new byte[12];
        default -> {}
      }
      flow.sequence += packet.payload.length;
      flow.id++;
      return packet;
    }
  }
}
