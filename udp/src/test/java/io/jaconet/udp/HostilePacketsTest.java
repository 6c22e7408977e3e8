package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpFamily;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Class U: whatever comes, on either side. */
class HostilePacketsTest {
  private static final long SEED = 20261128;

  /** A link, which VXLAN is, leaves it to the routers at its ends. */
  private static final int ANY_TTL = 255;

  @Test
  void nothingLeavesThatIsNoPacketAndNoTtlGrows() throws Exception {
    mutate(100_000, SEED);
  }

  @Test
  @Tag("nightly")
  void nothingLeavesThatIsNoPacketAndNoTtlGrowsInTenMillionMutations() throws Exception {
    mutate(10_000_000, System.nanoTime());
  }

  @Test
  void noFrameBringsOrBecomesWhatIsNoPacket() throws Exception {
    mutateFrames(100_000, SEED);
  }

  @Test
  @Tag("nightly")
  void noFrameBringsOrBecomesWhatIsNoPacketInTenMillionMutations() throws Exception {
    mutateFrames(10_000_000, System.nanoTime());
  }

  private static void mutateFrames(int rounds, long seed) throws Exception {
    var host = new OneHost(OneHost.ALL, SourceCheck.STRICT, OneHost.VXLAN);
    var random = new Random(seed);
    for (int round = 0; round < rounds; round++) {
      String message = "seed " + seed + " round " + round;
      byte[] packet = mutated(random, random.nextBoolean());
      if (random.nextBoolean()) {
        host.port.give(header(random), packet);
        for (byte[] datagram : host.send()) {
          assertIsPacket(
              Arrays.copyOfRange(datagram, VxlanFramesTest.PREFIX_BYTES, datagram.length),
              ANY_TTL,
              message);
        }
      } else {
        byte[] frames = mutatedFrames(random, packet);
        var family = packet.length > 0 && packet[0] >> 4 == 6 ? IpFamily.V6 : IpFamily.V4;
        int segment = random.nextInt(3) > 0 ? frames.length : 1 + random.nextInt(frames.length);
        host.receiveJoined(family, 2, frames, segment)
            .forEach(one -> assertIsPacket(OneHost.withoutHeader(one), ANY_TTL, message));
      }
      host.port
          .takeWritten()
          .forEach(error -> assertIsPacket(OneHost.withoutHeader(error), 64, message));
    }
    assertTrue(host.count(PacketCounter.RECEIVED) > rounds / 100);
    assertTrue(host.count(PacketCounter.SENT) > rounds / 100);
  }

  private static byte[] mutatedFrames(Random random, byte[] packet) {
    byte[] frames = VxlanFramesTest.frame(packet);
    for (int i = random.nextInt(3); i > 0; i--) {
      frames[random.nextInt(VxlanFramesTest.PREFIX_BYTES)] = (byte) random.nextInt(256);
    }
    return random.nextInt(4) == 0
        ? Arrays.copyOf(frames, 1 + random.nextInt(frames.length + 40))
        : frames;
  }

  private static void mutate(int rounds, long seed) throws Exception {
    var host = new OneHost();
    var random = new Random(seed);
    for (int round = 0; round < rounds; round++) {
      String message = "seed " + seed + " round " + round;
      byte[] packet = mutated(random, random.nextBoolean());
      host.nanoTime += 1_000_000_000L;
      if (random.nextBoolean()) {
        host.port.give(header(random), packet);
        for (byte[] datagram : host.send()) {
          assertIsPacket(datagram, 254, message);
        }
      } else {
        var written = packet.length > 0 && packet[0] >> 4 == 6
            ? host.receiveV6(2, packet, mutated(random, true))
            : host.receive(2, packet, mutated(random, false));
        written.forEach(one -> assertIsPacket(OneHost.withoutHeader(one), 254, message));
      }
      host.port
          .takeWritten()
          .forEach(error -> assertIsPacket(OneHost.withoutHeader(error), 64, message));
    }
  }

  private static byte[] mutated(Random random, boolean v6) {
    String here = v6 ? "fd00:244:0:1::2" : "10.244.1.2";
    String there = v6 ? "fd00:244:0:2::2" : "10.244.2.2";
    boolean out = random.nextBoolean();
    var spec = PacketSpec.udp(out ? here : there, out ? there : here, new byte[random.nextInt(60)]);
    spec.protocol = random.nextBoolean() ? PacketSpec.TCP : PacketSpec.UDP;
    spec.ttl = random.nextInt(256);
    byte[] bytes = spec.bytes();
    for (int i = random.nextInt(4); i > 0; i--) {
      bytes[random.nextInt(random.nextBoolean() ? 20 : bytes.length)] = (byte)
          List.of(random.nextInt(256), 0, 1, 0xff, 0xfe).get(random.nextInt(5)).intValue();
    }
    if (random.nextInt(8) == 0) {
      bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 20));
    }
    return bytes;
  }

  private static byte[] header(Random random) {
    byte[] header = new byte[10];
    if (random.nextBoolean()) {
      for (int i = random.nextInt(10); i >= 0; i--) {
        header[random.nextInt(10)] =
            (byte) (random.nextBoolean() ? random.nextInt(8) : random.nextInt(256));
      }
      List<Integer> starts = List.of(20, 40, 0, 24);
      header[6] = starts.get(random.nextInt(4)).byteValue();
      header[7] = 0;
    }
    return header;
  }

  private static void assertIsPacket(byte[] bytes, int maxTtl, String message) {
    var packet = ByteBuffer.wrap(bytes);
    assertTrue(bytes.length >= 20, message);
    boolean v6 = bytes[0] >> 4 == 6;
    int length = v6 ? 40 + (packet.getShort(4) & 0xffff) : packet.getShort(2) & 0xffff;
    int ttl = bytes[v6 ? 7 : 8] & 0xff;
    assertEquals(length, bytes.length, message);
    assertTrue(ttl <= maxTtl, message);
    assertTrue(ttl > 0 || maxTtl == ANY_TTL, message);
  }
}
