package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.common.io.BaseEncoding;
import io.jaconet.net.IpFamily;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OutboundTest {
  private static final long SEED = 20261126;
  private static final int ICMP_UNREACHABLE = 3;

  private final OneHost host = new OneHost();

  private static PacketSpec udp(int payloadBytes) {
    return PacketSpec.udp("10.244.1.2", "10.244.2.2", new byte[payloadBytes]);
  }

  private static PacketSpec udpV6(int payloadBytes) {
    return PacketSpec.udp("fd00:244:0:1::2", "fd00:244:0:2::2", new byte[payloadBytes]);
  }

  private static byte[] virtioHeader(int type, PacketSpec spec, int size) {
    var header = ByteBuffer.allocate(10).order(ByteOrder.nativeOrder());
    // The kernel's header length is not that of the headers on a forwarded packet.
    header.put((byte) 1).put((byte) type).putShort((short) 9999).putShort((short) size);
    header.putShort((short) spec.ipBytes());
    header.putShort((short) (spec.protocol == PacketSpec.TCP ? 16 : 6));
    return header.array();
  }

  @Test
  void aDatagramIsThePacketWithItsTtlLessOne() throws Exception {
    for (PacketSpec spec : List.of(udp(5), udpV6(5))) {
      byte[] packet = spec.bytes();
      spec.ttl--;

      var datagrams = host.send(packet);

      assertEquals(1, datagrams.size());
      assertArrayEquals(spec.bytes(), datagrams.get(0));
    }
  }

  /** T40: flannel sends TTL 0 on as 255. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aTtlThatIsUsedUpEndsThePacketAndItsSenderIsTold(int ttl) throws Exception {
    for (PacketSpec spec : List.of(udp(5), udpV6(5))) {
      spec.ttl = ttl;

      var datagrams = host.send(spec.bytes());
      byte[] error = OneHost.withoutHeader(host.port.takeWritten().get(0));

      assertEquals(List.of(), datagrams);
      assertEquals(spec.isV6() ? 3 : 11, error[spec.ipBytes()]);
    }
    assertEquals(2, host.count(PacketCounter.DROPPED_TTL));
  }

  /** flannel's answer, byte for byte: TTL 8, id 0, no flags, length 36 and the header, 8 bytes of the packet. */
  @Test
  void tellsOfAnUnassignedSubnetAsFlannelDoes() throws Exception {
    byte[] packet = PacketSpec.udp("10.244.1.2", "10.244.77.5", new byte[30]).bytes();

    var datagrams = host.send(packet);
    byte[] error = OneHost.withoutHeader(host.port.takeWritten().get(0));

    assertEquals(List.of(), datagrams);
    assertEquals(1, host.count(PacketCounter.DROPPED_NO_ROUTE));
    assertEquals(56, error.length);
    assertEquals("45000038" + "00000000" + "0801", BaseEncoding.base16().encode(error, 0, 10));
    assertEquals("0AF40100" + "0AF40102", BaseEncoding.base16().encode(error, 12, 8));
    assertEquals(0xffff, PacketSpec.slowSum(error, 0, 20, 0));
    assertEquals(0xffff, PacketSpec.slowSum(error, 20, 36, 0));
    assertEquals("0300", BaseEncoding.base16().encode(error, 20, 2));
    assertArrayEquals(Arrays.copyOf(packet, 28), Arrays.copyOfRange(error, 28, 56));
  }

  @Test
  void tellsOfAnUnassignedIpv6Subnet() throws Exception {
    byte[] packet =
        PacketSpec.udp("fd00:244:0:1::2", "fd00:244:0:77::2", new byte[1300]).bytes();

    host.send(packet);
    byte[] error = OneHost.withoutHeader(host.port.takeWritten().get(0));

    assertEquals(1280, error.length);
    assertEquals(1, error[40]);
    assertEquals(0xffff, PacketSpec.slowSum(error, 8, 1272, 58 + 1240));
    assertArrayEquals(Arrays.copyOf(packet, 1232), Arrays.copyOfRange(error, 48, error.length));
  }

  @Test
  void answersNeitherIcmpNorFragmentsNorBroadcast() throws Exception {
    byte[] icmp = PacketSpec.udp("10.244.1.2", "10.244.77.5", new byte[8]).bytes();
    icmp[9] = 1;
    byte[] fragment = PacketSpec.udp("10.244.1.2", "10.244.77.5", new byte[8]).bytes();
    fragment[7] = 3;
    byte[] multicast = PacketSpec.udp("10.244.1.2", "224.0.0.1", new byte[8]).bytes();
    byte[] solicitation = PacketSpec.udp("fe80::1", "ff02::2", new byte[8]).bytes();

    for (byte[] packet : List.of(icmp, fragment, multicast, solicitation)) {
      assertEquals(List.of(), host.send(packet));
    }

    assertEquals(List.of(), host.port.takeWritten());
    assertEquals(2, host.count(PacketCounter.DROPPED_NO_ROUTE));
    assertEquals(2, host.count(PacketCounter.DROPPED_NOT_UNICAST));
  }

  /** Class U: flannel quotes what an earlier packet left in its buffer. */
  @Test
  void quotesNoByteBeyondThePacket() throws Exception {
    byte[] packet =
        Arrays.copyOf(PacketSpec.udp("10.244.1.2", "10.244.77.5", new byte[0]).bytes(), 23);
    packet[3] = 23;

    host.send(packet);

    assertEquals(10 + 28 + 23, host.port.takeWritten().get(0).length);
  }

  @Test
  void errorsAreNotMoreThanTheRateAllows() throws Exception {
    byte[] packet = PacketSpec.udp("10.244.1.2", "10.244.77.5", new byte[0]).bytes();
    for (int i = 0; i < 1500; i++) {
      host.send(packet);
    }
    host.nanoTime += 100_000_000L;
    for (int i = 0; i < 500; i++) {
      host.send(packet);
    }

    assertEquals(1100, host.count(PacketCounter.ICMP_ERRORS));
    assertEquals(900, host.count(PacketCounter.ICMP_ERRORS_SUPPRESSED));
  }

  @Test
  void saysWhatFitsWhenAPacketIsTooLarge() throws Exception {
    PacketSpec large = udp(OneHost.OVERLAY_MTU - 28 + 1);
    byte[] mayBeFragmented = large.bytes();
    large.dontFragment = true;

    var sent = host.send(mayBeFragmented);
    var refused = host.send(large.bytes());
    byte[] error = OneHost.withoutHeader(host.port.takeWritten().get(0));
    var refusedV6 = host.send(udpV6(OneHost.OVERLAY_MTU - 48 + 1).bytes());
    byte[] errorV6 = OneHost.withoutHeader(host.port.takeWritten().get(0));

    assertEquals(1, sent.size());
    assertEquals(List.of(), refused);
    assertEquals(ICMP_UNREACHABLE, error[20]);
    assertEquals(4, error[21]);
    assertEquals(OneHost.OVERLAY_MTU, ByteBuffer.wrap(error).getShort(26));
    assertEquals(List.of(), refusedV6);
    assertEquals(2, errorV6[40]);
    assertEquals(OneHost.OVERLAY_MTU, ByteBuffer.wrap(errorV6).getInt(44));
  }

  @Test
  void finishesChecksumsThatTheKernelLeft() throws Exception {
    for (PacketSpec spec :
        List.of(udp(333), udpV6(100), PacketSpec.tcp("10.244.1.2", "10.244.2.2", new byte[7]))) {
      host.port.give(virtioHeader(0, spec, 0), spec.unfinished());
      spec.ttl--;

      assertArrayEquals(spec.bytes(), host.send().get(0));
    }
  }

  @Test
  void aChecksumBeyondThePacketIsNotWritten() throws Exception {
    byte[] header = virtioHeader(0, udp(0), 0);
    ByteBuffer.wrap(header).order(ByteOrder.nativeOrder()).putShort(8, (short) 7);

    host.port.give(header, udp(0).unfinished());

    assertEquals(List.of(), host.send());
    assertEquals(1, host.count(PacketCounter.DROPPED_MALFORMED));
  }

  @Test
  void packetsOfOneSizeToOnePeerTravelAsOneMessage() throws Exception {
    for (int size : new int[] {100, 100, 60, 100, 100, 200}) {
      host.port.give(udp(size).bytes());
    }
    host.port.give(PacketSpec.udp("10.244.1.2", "10.244.3.2", new byte[200]).bytes());

    host.outbound.drain();
    var messages = host.transport.takeSent();

    assertEquals(
        List.of(3, 2, 1, 1), messages.stream().map(m -> m.datagrams().size()).toList());
    assertEquals("192.0.2.3", messages.get(3).destination().toString());
  }

  /** Every super-packet must come out as what a host without offloads would have sent. */
  @Test
  void cutsWhatTheKernelLeftInOnePiece() throws Exception {
    var random = new Random(SEED);
    for (int round = 0; round < 400; round++) {
      PacketSpec whole = superPacket(random);
      int size = 1 + random.nextInt(random.nextBoolean() ? 1400 : 100);
      whole.payload =
          new byte[Math.min(65_000, 1 + random.nextInt(size * (1 + random.nextInt(200))))];
      random.nextBytes(whole.payload);
      int type = whole.protocol == PacketSpec.UDP ? 5 : whole.isV6() ? 4 : 1;
      host.port.give(virtioHeader(type, whole, size), whole.unfinished());

      var datagrams = host.send();

      assertSegments(whole, size, datagrams, "seed " + SEED + " round " + round);
    }
  }

  /** The first goes in fragments; from then on senders are told how large packets may be, in place of a black hole. */
  @Test
  void learnsThatAPathIsNarrowerAndTellsTheSenders() throws Exception {
    host.underlay.setPathMtu(OneHost.at(IpFamily.V4, 2), 1300);
    var spec = udp(1400);
    spec.dontFragment = true;
    var whole = PacketSpec.tcp("10.244.1.2", "10.244.2.2", new byte[20_000]);
    whole.dontFragment = true;

    int first = host.send(spec.bytes()).size();
    int second = host.send(spec.bytes()).size();
    host.port.give(virtioHeader(1, whole, 1400), whole.unfinished());
    int ofWhole = host.send().size();
    var errors = host.port.takeWritten();
    spec.dontFragment = false;
    int fragmentable = host.send(spec.bytes()).size();
    spec.dontFragment = true;
    host.nanoTime += 61_000_000_000L;
    int aMinuteLater = host.send(spec.bytes()).size();

    assertEquals(
        List.of(1, 0, 0, 1, 1), List.of(first, second, ofWhole, fragmentable, aMinuteLater));
    assertEquals(3, host.count(PacketCounter.SENT_IN_FRAGMENTS));
    assertEquals(2, host.count(PacketCounter.DROPPED_TOO_BIG));
    for (byte[] error : errors) {
      assertEquals("0304", BaseEncoding.base16().encode(error, 30, 2));
      assertEquals(1300 - 28, ByteBuffer.wrap(error).getShort(36));
    }
    assertEquals(2, errors.size());
  }

  /** An IPv6 link takes 1280 bytes, so what is under it has to take more. */
  @Test
  void tellsNobodyThatAnIpv6LinkTakesLessThanEveryOneDoes() throws Exception {
    host.underlay.setPathMtu(OneHost.at(IpFamily.V6, 2), 1280);
    var spec = udpV6(1400);
    host.send(spec.bytes());

    int tooBig = host.send(spec.bytes()).size();
    byte[] error = OneHost.withoutHeader(host.port.takeWritten().get(0));
    int fits = host.send(udpV6(1280 - 48).bytes()).size();

    assertEquals(0, tooBig);
    assertEquals(1280, ByteBuffer.wrap(error).getInt(44));
    assertEquals(1, fits);
  }

  private static PacketSpec superPacket(Random random) {
    PacketSpec spec = random.nextBoolean()
        ? PacketSpec.udp("10.244.1.2", "10.244.2.2", new byte[0])
        : PacketSpec.udp("fd00:244:0:1::2", "fd00:244:0:2::2", new byte[0]);
    if (random.nextInt(3) > 0) {
      spec.protocol = PacketSpec.TCP;
      spec.options = new byte[random.nextInt(3) * 12];
      random.nextBytes(spec.options);
    }
    spec.flags = 0x10 | random.nextInt(256);
    spec.sequence = random.nextInt();
    spec.id = random.nextInt(1 << 16);
    spec.tos = random.nextInt(256);
    spec.dontFragment = random.nextBoolean();
    return spec;
  }

  private static void assertSegments(
      PacketSpec whole, int size, List<byte[]> datagrams, String message) {
    int segments = (whole.payload.length + size - 1) / size;
    assertEquals(segments, datagrams.size(), message);
    for (int i = 0; i < segments; i++) {
      PacketSpec one = whole.copy();
      one.ttl--;
      one.id += i;
      one.sequence += i * size;
      one.payload = Arrays.copyOfRange(
          whole.payload, i * size, Math.min(whole.payload.length, (i + 1) * size));
      one.flags &= i < segments - 1 ? ~0x09 : ~0;
      one.flags &= i > 0 ? ~0x80 : ~0;
      assertArrayEquals(one.bytes(), datagrams.get(i), message + " segment " + i);
    }
  }
}
