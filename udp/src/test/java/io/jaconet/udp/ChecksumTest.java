package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jaconet.linux.OffHeap;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ChecksumTest {
  private static final long SEED = 20261124;

  @Test
  void theSumIsThatOfTheBytesTwoByTwo() {
    var random = new Random(SEED);
    var memory = new OffHeap(2200);
    for (int round = 0; round < 20_000; round++) {
      byte[] bytes = new byte[random.nextInt(round % 100 == 0 ? 2000 : 90)];
      if (round % 3 == 0) {
        java.util.Arrays.fill(bytes, (byte) (round % 2 == 0 ? 0xff : 0));
      } else {
        random.nextBytes(bytes);
      }
      int offset = random.nextInt(64);
      memory.buffer().put(offset, bytes);

      int sum = Checksum.sum(memory.buffer(), offset, bytes.length);

      assertEquals(
          PacketSpec.slowSum(bytes, 0, bytes.length, 0), sum, "seed " + SEED + " round " + round);
    }
  }

  /** The steps where a carry comes, 0xfeff to 0xffff, are what incremental updates get wrong. */
  @Test
  void afterATtlDecrementTheChecksumIsWhatComputingItAnewGives() {
    var spec = new PacketSpec();
    for (int id = 0; id <= 0xffff; id++) {
      spec.id = id;
      byte[] before = spec.bytes();
      spec.ttl--;
      byte[] after = spec.bytes();
      spec.ttl++;

      int updated = Checksum.afterTtlDecrement((before[10] & 0xff) << 8 | before[11] & 0xff);

      assertEquals((after[10] & 0xff) << 8 | after[11] & 0xff, updated, "id " + id);
    }
  }

  @Test
  void foldsWhateverFitsInASum() {
    assertEquals(0xffff, Checksum.fold(0xffff_ffff_ffffL));
    assertEquals(1, Checksum.fold(0x1_0000L));
    assertEquals(0xffff, Checksum.fold(0x7fff_8000_0000_0000L));
    assertEquals(0, Checksum.fold(0));
  }
}
