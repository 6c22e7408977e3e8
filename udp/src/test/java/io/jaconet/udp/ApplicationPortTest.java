package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.Slices;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ApplicationPortTest {
  private final List<byte[]> received = new ArrayList<>();
  private final OffHeap memory = new OffHeap(100);
  private final ApplicationPort port = new ApplicationPort(2, packet -> {
    byte[] bytes = new byte[packet.remaining()];
    packet.get(bytes);
    received.add(bytes);
  });

  @Test
  void aPushedPacketIsReadAsItWasThen() {
    byte[] bytes = {1, 2, 3};
    port.push(ByteBuffer.wrap(bytes, 1, 2));
    bytes[1] = 9;

    int length = port.read(memory, 7, 90);

    assertEquals(PacketPort.HEADER_BYTES + 2, length);
    assertEquals(2, memory.buffer().get(7 + PacketPort.HEADER_BYTES));
    assertEquals(0, port.read(memory, 7, 90));
  }

  @Test
  void aFullQueueTakesNoMore() {
    assertTrue(port.push(ByteBuffer.allocate(1)));
    assertTrue(port.push(ByteBuffer.allocate(1)));
    assertFalse(port.push(ByteBuffer.allocate(1)));

    port.read(memory, 0, 100);

    assertTrue(port.push(ByteBuffer.allocate(1)));
  }

  @Test
  void nothingIsTakenThatIsNoPacketOrComesTooLate() throws Exception {
    assertThrows(IllegalArgumentException.class, () -> port.push(ByteBuffer.allocate(65_536)));

    port.shutdown();

    assertFalse(port.push(ByteBuffer.allocate(1)));
    assertFalse(port.await());
  }

  @Test
  void theReceiverGetsThePacketWithoutItsHeader() {
    memory.buffer().put(10, new byte[] {4, 5, 6});
    var packet = new Slices(memory, 2);
    packet.add(0, 11);
    packet.add(11, 2);

    port.write(packet);

    assertArrayEquals(new byte[] {4, 5, 6}, received.get(0));
  }
}
