package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What a kernel of another time may say of its packet filter: attributes of any type, length and nesting. */
class NetfilterGarbageTest {
  private static final int EXECUTIONS = Integer.getInteger("jaconet.fuzz.executions", 100_000);
  private static final int NESTED = 0x8000;

  /** Each decoder with the type of the messages that it is for. */
  private static final Map<NetlinkConversation.Decoder<?>, Integer> DECODERS = Map.of(
      NftablesEvents::decode,
      NetfilterMessages.nftables(6),
      Nftables::decodeChain,
      NetfilterMessages.nftables(3),
      Nftables::decodeGeneration,
      NetfilterMessages.nftables(15),
      message -> {
        Nftables.decodeCounter(message, "", ImmutableMap.builder());
        return null;
      },
      NetfilterMessages.nftables(18),
      ConnectionTracking::decode,
      NetfilterMessages.conntrack(0));

  private static ByteBuffer garbage(int type, Random random) {
    var buffer = ByteBuffer.allocate(512).order(ByteOrder.nativeOrder());
    buffer.position(NetfilterMessages.HEADER_BYTES + MessageWriter.HEADER_BYTES);
    attributes(buffer, random, 3);
    int length = random.nextInt(8) == 0 ? 16 + random.nextInt(20) : buffer.position();
    return buffer.putInt(0, length).putShort(4, (short) type).clear().limit(length);
  }

  private static void attributes(ByteBuffer buffer, Random random, int depth) {
    for (int i = random.nextInt(6); i > 0 && buffer.remaining() > 64; i--) {
      int at = buffer.position();
      buffer.putShort((short) 0).putShort((short) (random.nextInt(22) | NESTED));
      if (depth > 0 && random.nextBoolean()) {
        attributes(buffer, random, depth - 1);
      } else {
        int[] lengths = {0, 1, 2, 4, 4, 8, 8, 16, 16, 17};
        for (int left = lengths[random.nextInt(lengths.length)]; left > 0; left--) {
          buffer.put((byte) random.nextInt());
        }
      }
      int length = buffer.position() - at;
      buffer.putShort(at, (short) (random.nextInt(50) == 0 ? random.nextInt(700) : length));
      while (buffer.position() % 4 != 0) {
        buffer.put((byte) 0);
      }
    }
  }

  @Test
  void isRefusedOrUnderstoodAndNothingElse() {
    long seed = Long.getLong("jaconet.seed", System.nanoTime());
    System.out.println("-Djaconet.seed=" + seed);
    var random = new Random(seed);
    int understood = 0;
    for (int i = 0; i < EXECUTIONS; i++) {
      for (var entry : DECODERS.entrySet()) {
        try {
          var messages = new MessageReader(garbage(entry.getValue(), random));
          while (messages.next()) {
            entry.getKey().decode(messages);
            understood++;
          }
        } catch (MalformedMessageException e) {
          // As it should be.
        }
      }
    }

    assertTrue(understood > EXECUTIONS / 10, "understood: " + understood);
  }
}
