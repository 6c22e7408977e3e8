package io.jaconet.subnet.etcd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ProtoReaderTest {

  @Test
  void readsWhatWasWritten() throws IOException {
    var message = new ProtoWriter()
        .number(1, Long.MAX_VALUE)
        .number(2, -1)
        .text(3, "grüße")
        .message(4, new ProtoWriter().number(1, 300))
        .number(100, 7)
        .toByteArray();
    var reader = new ProtoReader(message);

    assertTrue(reader.next());
    assertEquals(Long.MAX_VALUE, reader.number());
    assertTrue(reader.next());
    assertEquals(-1, reader.number());
    assertTrue(reader.next());
    assertEquals("grüße", reader.text());
    assertTrue(reader.next());
    var inner = reader.message();
    assertTrue(inner.next());
    assertEquals(300, inner.number());
    assertFalse(inner.next());
    assertTrue(reader.next());
    assertEquals(100, reader.field());
    assertFalse(reader.next());
  }

  /** The key and revisions of an answer of etcd 3.4.23 to a range, as it came over the wire. */
  @Test
  void readsARangeAsEtcdSendsIt() throws IOException {
    var entry = new byte[] {
      0x0a, 0x02, '/', 'a', 0x10, 0x02, 0x18, (byte) 0xac, 0x02, 0x20, 0x03, 0x2a, 0x01, 'v'
    };
    var answer = new byte[2 + 2 + 2 + entry.length];
    System.arraycopy(
        new byte[] {0x0a, 0x02, 0x18, 0x09, 0x12, (byte) entry.length}, 0, answer, 0, 6);
    System.arraycopy(entry, 0, answer, 6, entry.length);
    var read = RangeAnswer.read(new ProtoReader(answer));

    assertEquals(9, read.revision());
    assertEquals(new KeyValue("/a", "v", 2, 300, 0), read.found().get(0));
    assertArrayEquals(new byte[] {'/', 'a', 0}, read.next());
  }

  /** Class P of bad input: whatever comes, it is an answer or an IOException. */
  @Test
  void failsInOneWayOnly() {
    var event = new ProtoWriter()
        .number(1, 1)
        .message(
            2, new ProtoWriter().text(1, "/a/subnets/10.5.1.0-24").number(3, 9).text(5, "{}"));
    var good = new ProtoWriter()
        .message(1, new ProtoWriter().number(3, 9))
        .number(3, 1)
        .text(6, "reason")
        .message(11, event)
        .toByteArray();
    for (int length = 0; length <= good.length; length++) {
      read(Arrays.copyOf(good, length));
    }
    long seed = new Random().nextLong();
    var random = new Random(seed);
    for (int i = 0; i < 50_000; i++) {
      var bad = good.clone();
      for (int j = random.nextInt(4); j >= 0; j--) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt();
      }
      try {
        read(bad);
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed + ", " + Arrays.toString(bad), e);
      }
    }
  }

  private static void read(byte[] message) {
    var layout = new Layout("/a");
    try {
      WatchAnswer.read(new ProtoReader(message)).after(0, layout);
      RangeAnswer.read(new ProtoReader(message));
      TxnAnswer.read(new ProtoReader(message));
    } catch (IOException malformed) {
      assertFalse(String.valueOf(malformed.getMessage()).isEmpty());
    }
  }
}
