package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.common.collect.ImmutableMap;
import com.google.common.io.BaseEncoding;
import io.jaconet.linux.TunOffloads;
import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VxlanFramesTest {
  static final int PREFIX_BYTES = 22;
  private static final long SEED = 20261130;
  private static final int HEADER = 10;

  private final OneHost host = host(OneHost.ALL);

  private static OneHost host(TunOffloads offloads) {
    return new OneHost(offloads, SourceCheck.STRICT, OneHost.VXLAN);
  }

  private static byte[] frame(String prefix, byte[] packet) {
    return ByteBuffer.allocate(PREFIX_BYTES + packet.length)
        .put(BaseEncoding.base16().decode(prefix))
        .put(packet)
        .array();
  }

  /** Returns a frame from host 2 to host 1, of the family that the packet says. */
  static byte[] frame(byte[] packet) {
    boolean v6 = packet.length > 0 && packet[0] >> 4 == 6;
    return frame(
        "0800000000000700"
            + (v6 ? "020600000001" + "020600000002" + "86DD" : "020400000001020400000002" + "0800"),
        packet);
  }

  private static PacketSpec udp(int payloadBytes) {
    return PacketSpec.udp("10.244.2.2", "10.244.1.2", new byte[payloadBytes]);
  }

  private static PacketSpec tcp(int payloadBytes) {
    return PacketSpec.tcp("10.244.2.2", "10.244.1.2", new byte[payloadBytes]);
  }

  @Test
  void aDatagramIsTheFrameThatTheKernelsDeviceSends() throws Exception {
    byte[] v4 = PacketSpec.udp("10.244.1.2", "10.244.2.2", new byte[5]).bytes();
    byte[] v6 =
        PacketSpec.udp("fd00:244:0:1::2", "fd00:244:0:2::2", new byte[5]).bytes();

    assertArrayEquals(
        frame("0800000000000700" + "020400000002" + "020400000001" + "0800", v4),
        host.send(v4).get(0));
    assertArrayEquals(
        frame("0800000000000700" + "020600000002" + "020600000001" + "86DD", v6),
        host.send(v6).get(0));
    assertEquals(v4.length + v6.length, host.count(PacketCounter.SENT_BYTES));
  }

  @Test
  void theTunnelIsALinkThatLeavesTheTtlAlone() throws Exception {
    var last = PacketSpec.udp("10.244.1.2", "10.244.2.2", new byte[5]);
    last.ttl = 1;
    var arriving = udp(5);
    arriving.ttl = 1;

    assertEquals(1, host.send(last.bytes()).size());
    assertArrayEquals(
        arriving.bytes(),
        OneHost.withoutHeader(host.receive(2, frame(arriving.bytes())).get(0)));
  }

  @Test
  void everyPieceOfWhatTheKernelLeftWholeIsAFrame() throws Exception {
    var whole = PacketSpec.tcp("10.244.1.2", "10.244.2.2", new byte[50_000]);
    new Random(SEED).nextBytes(whole.payload);
    var header = ByteBuffer.allocate(HEADER).order(ByteOrder.nativeOrder());
    header.put((byte) 1).put((byte) 1).putShort((short) 40).putShort((short) 1410);
    header.putShort((short) 20).putShort((short) 16);
    host.port.give(header.array(), whole.unfinished());

    var datagrams = host.send();

    assertEquals(36, datagrams.size());
    for (int i = 0; i < datagrams.size(); i++) {
      var one = whole.copy();
      one.id += i;
      one.sequence += i * 1410;
      one.payload = Arrays.copyOfRange(whole.payload, i * 1410, Math.min(50_000, (i + 1) * 1410));
      assertArrayEquals(
          frame("0800000000000700" + "020400000002" + "020400000001" + "0800", one.bytes()),
          datagrams.get(i));
    }
  }

  /** Class V: what the kernel's device drops, or leaves to others to drop. */
  @ParameterizedTest
  @CsvSource({
    "0800000000000800 020400000001 020400000002 0800, DROPPED_FOREIGN_VNI",
    "0800000000000007 020400000001 020400000002 0800, DROPPED_FOREIGN_VNI",
    "0800000000000700 020400000009 020400000002 0800, DROPPED_FOREIGN_MAC",
    "0800000000000700 020600000001 020400000002 0800, DROPPED_FOREIGN_MAC",
    "0800000000000700 FFFFFFFFFFFF 020400000002 0800, DROPPED_FOREIGN_MAC",
    "0800000000000700 FFFFFFFFFFFF 020400000002 0806, DROPPED_NOT_IP",
    "0800000000000700 020400000001 020400000002 8100, DROPPED_NOT_IP",
    "0000000000000700 020400000001 020400000002 0800, DROPPED_MALFORMED",
    "F7FFFFFF000007FF 020400000001 020400000002 0800, DROPPED_MALFORMED",
    "0800000000000700 020600000001 020400000002 86DD, DROPPED_MALFORMED",
  })
  void dropsAFrameThatIsNotForItAndSaysWhy(String prefix, PacketCounter reason) throws Exception {
    var written = host.receive(2, frame(prefix.replace(" ", ""), udp(5).bytes()));

    assertEquals(List.of(), written);
    assertEquals(1, host.count(reason));
  }

  @Test
  void dropsRunts() throws Exception {
    byte[] whole = frame(udp(0).bytes());
    for (int length = 0; length < whole.length; length++) {
      assertEquals(List.of(), host.receive(2, Arrays.copyOf(whole, length)));
    }

    assertEquals(whole.length, host.count(PacketCounter.DROPPED_MALFORMED));
  }

  @Test
  void ignoresReservedBitsAndPadding() throws Exception {
    byte[] packet = udp(1).bytes();
    byte[] padded = Arrays.copyOf(
        frame("FFFFFFFF000007FF" + "020400000001" + "020400000002" + "0800", packet),
        PREFIX_BYTES + 46);

    var written = host.receive(2, padded);

    assertArrayEquals(packet, OneHost.withoutHeader(written.get(0)));
  }

  @Test
  void believesOnlyTheHolderOfTheSourcesSubnet() throws Exception {
    assertEquals(List.of(), host.receive(3, frame(udp(4).bytes())));
    assertEquals(1, host.count(PacketCounter.DROPPED_FOREIGN_SOURCE));
  }

  @Test
  void framesOfOneFlowAreWrittenInOnePiece() throws Exception {
    var second = tcp(1000);
    second.sequence = 1000;
    second.id = 1;

    var written = host.receive(2, frame(tcp(1000).bytes()), frame(second.bytes()));

    assertEquals(
        List.of(HEADER + 40 + 2000), written.stream().map(w -> w.length).toList());
    assertEquals(2, host.count(PacketCounter.RECEIVED));
  }

  /** A kernel peer, over a link between namespaces, sends so whether the packet is whole or small. */
  @ParameterizedTest
  @CsvSource({"true,6", "false,6", "true,17", "false,17"})
  void anUnfinishedChecksumIsLeftToThePortOrFinished(boolean offloads, int protocol)
      throws Exception {
    var spec = udp(77);
    spec.protocol = protocol;
    var one = host(offloads ? OneHost.ALL : OneHost.NO_OFFLOADS);

    byte[] written = one.receive(2, frame(spec.unfinished())).get(0);

    var header = ByteBuffer.wrap(written).order(ByteOrder.nativeOrder());
    assertEquals(offloads ? 1 : 0, header.get(0));
    assertEquals(offloads ? 20 : 0, header.getShort(6));
    assertEquals(offloads ? protocol == 6 ? 16 : 6 : 0, header.getShort(8));
    assertArrayEquals(offloads ? spec.unfinished() : spec.bytes(), OneHost.withoutHeader(written));
  }

  @Test
  void aPacketThatNobodyCutIsForThePortToCut() throws Exception {
    var whole = tcp(60_000);
    new Random(SEED).nextBytes(whole.payload);
    for (byte[] packet : List.of(whole.unfinished(), whole.bytes())) {
      byte[] written = host.receive(2, frame(packet)).get(0);

      List<String> expected = new ArrayList<>();
      for (int at = 0; at < 60_000; at += 1410) {
        var one = whole.copy();
        one.id += at / 1410;
        one.sequence += at;
        one.payload = Arrays.copyOfRange(whole.payload, at, Math.min(60_000, at + 1410));
        expected.add(Arrays.toString(one.bytes()));
      }
      assertEquals(
          expected, SlowSegments.of(written).stream().map(Arrays::toString).toList());
    }
  }

  /** The kernel says then how large the datagrams inside are, as if it spoke of those outside. */
  @Test
  void datagramsThatNobodyCutAreForThePortToCut() throws Exception {
    var whole = udp(12_000);
    new Random(SEED).nextBytes(whole.payload);

    byte[] written =
        host.receiveJoined(IpFamily.V4, 2, frame(whole.unfinished()), 1200).get(0);

    var segments = SlowSegments.of(written);
    assertEquals(10, segments.size());
    for (int i = 0; i < 10; i++) {
      var one = whole.copy();
      one.id += i;
      one.payload = Arrays.copyOfRange(whole.payload, i * 1200, (i + 1) * 1200);
      assertArrayEquals(one.bytes(), segments.get(i));
    }
  }

  @Test
  void aPacketThatNobodyCutAndThatIsDamagedIsDropped() throws Exception {
    byte[] damaged = tcp(60_000).bytes();
    damaged[30_000] ^= 1;

    assertEquals(List.of(), host.receive(2, frame(damaged)));
    assertEquals(1, host.count(PacketCounter.DROPPED_MALFORMED));
  }

  @Test
  void refusesAMacThatNoVtepCanHave() {
    var group = ImmutableMap.of(IpFamily.V4, MacAddress.parse("01:00:5e:00:00:01"));

    assertThrows(IllegalArgumentException.class, () -> Framing.vxlan(new Vni(1), group));
  }
}
