package io.jaconet.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(FreshNetworkNamespace.class)
class UdpBatchSocketTest {
  private static final int PORT = 8285;
  private static final int MESSAGES = 4;

  private final OffHeap outgoing = new OffHeap(4096);
  private final OffHeap incoming = new OffHeap(MESSAGES * ReceiveBatch.SLOT_BYTES);
  private final ReceiveBatch received = new ReceiveBatch(incoming, 0, MESSAGES);

  private static void loopbackUp() throws Exception {
    try (var netlink = RtNetlink.open()) {
      netlink.setUp(1);
    }
  }

  /** Returns the next datagrams, of which at least {@code count} are waited for. */
  private List<String> receive(UdpBatchSocket socket, int count) throws Exception {
    var datagrams = new ArrayList<String>();
    while (datagrams.size() < count && socket.receive(received)) {
      for (int i = 0; i < received.count(); i++) {
        int end = received.offset(i) + received.bytes(i);
        for (int at = received.offset(i); at < end; at += received.segmentBytes(i)) {
          byte[] bytes = new byte[Math.min(received.segmentBytes(i), end - at)];
          incoming.buffer().get(at, bytes);
          datagrams.add(new String(bytes, UTF_8));
        }
      }
    }
    return datagrams;
  }

  private SendBatch batch(IpAddress to) {
    outgoing.buffer().put(0, "h1first.h2second.end".getBytes(UTF_8));
    var batch = new SendBatch(outgoing, to.family(), 4, 16);
    batch.begin(to.highBits(), to.lowBits(), PORT);
    batch.add(0, 2);
    batch.add(2, 5);
    batch.add(8, 2);
    batch.add(10, 5);
    batch.add(17, 3);
    batch.end(7);
    batch.begin(to.highBits(), to.lowBits(), PORT);
    batch.add(17, 3);
    batch.end(3);
    return batch;
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "::1"})
  void sendsAMessageOfSeveralPiecesAsDatagramsOfEqualSize(String text) throws Exception {
    FreshNetworkNamespace.inNewNamespace(() -> {
      loopbackUp();
      var address = IpAddress.parse(text);
      try (var socket = UdpBatchSocket.open(address, PORT)) {
        var batch = batch(address);

        int refused = socket.send(batch);

        assertEquals(0, refused);
        assertEquals(List.of("h1first", "h2secon", "end", "end"), receive(socket, 4));
        assertEquals(address.lowBits(), received.sourceLow(0));
        assertEquals(address.family(), received.sourceFamily(0));
        assertTrue(socket.cuts() && socket.joins());
      }
    });
  }

  @Test
  void aMessageCanBeReadBack() {
    var batch = batch(IpAddress.parse("127.0.0.1"));
    var bytes = ByteBuffer.allocate(100);

    batch.copyTo(0, bytes);

    assertEquals("h1firsth2seconend", UTF_8.decode(bytes.flip()).toString());
    assertEquals(3, batch.segments(0));
    assertEquals(1, batch.segments(1));
    assertEquals("127.0.0.1", batch.destination(1).toString());
  }

  /** Where the interface's MTU is less than a datagram, the kernel does not cut but may fragment. */
  @Test
  void datagramsLargerThanTheInterfaceTakesArriveInFragments() throws Exception {
    loopbackUp();
    try (var netlink = RtNetlink.open()) {
      netlink.setMtu(1, 1000);
    }
    var address = IpAddress.parse("127.0.0.1");
    try (var socket = UdpBatchSocket.open(address, PORT)) {
      var batch = new SendBatch(outgoing, address.family(), 1, 4);
      batch.begin(0, address.lowBits(), PORT);
      batch.add(0, 1400);
      batch.add(1400, 1400);
      batch.add(2800, 100);
      batch.end(1400);

      int refused = socket.send(batch);

      assertEquals(0, refused);
      assertEquals(1000, batch.pathMtu(0));
      assertEquals(
          List.of(1400, 1400, 100),
          receive(socket, 3).stream().map(String::length).toList());
      assertTrue(socket.cuts());
    }
  }

  @Test
  void countsWhatTheKernelRefuses() throws Exception {
    loopbackUp();
    try (var socket = UdpBatchSocket.open(IpAddress.parse("127.0.0.1"), PORT)) {
      assertEquals(4, socket.send(batch(IpAddress.parse("192.0.2.1"))));
    }
  }

  @Test
  void saysWhoseAddressAndPortCannotBeHad() throws Exception {
    loopbackUp();
    var address = IpAddress.parse("127.0.0.1");
    try (var socket = UdpBatchSocket.open(address, PORT)) {
      var failure = assertThrows(SyscallException.class, () -> UdpBatchSocket.open(address, PORT));

      assertEquals("bind(127.0.0.1, port 8285): EADDRINUSE", failure.getMessage());
      assertTrue(socket.joins());
    }
  }

  @Test
  void aGroupSharesItsPortWithNobodyElse() throws Exception {
    FreshNetworkNamespace.inNewNamespace(() -> {
      loopbackUp();
      var address = IpAddress.parse("127.0.0.1");
      var group = UdpBatchSocket.openGroup(address, PORT, 2, Duration.ofNanos(1000));

      assertThrows(
          SyscallException.class, () -> UdpBatchSocket.openGroup(address, PORT, 2, Duration.ZERO));
      assertThrows(SyscallException.class, () -> UdpBatchSocket.open(address, PORT));
      for (UdpBatchSocket socket : group) {
        socket.close();
      }
      UdpBatchSocket.open(address, PORT).close();
    });
  }

  @Test
  void allDatagramsOfASenderComeByOneSocketOfAGroup() throws Exception {
    FreshNetworkNamespace.inNewNamespace(() -> {
      loopbackUp();
      var address = IpAddress.parse("127.0.0.1");
      var group = UdpBatchSocket.openGroup(address, PORT, 2, Duration.ofMillis(1));
      var counts = List.of(new AtomicInteger(), new AtomicInteger());
      var readers = new ArrayList<Thread>();
      for (int i = 0; i < 2; i++) {
        int index = i;
        readers.add(new Thread(() -> countDatagrams(group.get(index), counts.get(index))));
        readers.get(i).start();
      }

      for (int sender = 0; sender < 16; sender++) {
        try (var socket = UdpBatchSocket.open(IpAddress.parse("127.0.0.2"), 1000 + sender)) {
          for (int i = 0; i < 4; i++) {
            assertEquals(0, socket.send(batch(address)));
          }
        }
      }
      assertTimeoutPreemptively(Duration.ofSeconds(10), () -> {
        while (counts.get(0).get() + counts.get(1).get() < 16 * 16) {
          Thread.onSpinWait();
        }
      });
      for (int i = 0; i < 2; i++) {
        group.get(i).shutdown();
        readers.get(i).join();
        group.get(i).close();
      }

      assertEquals(0, counts.get(0).get() % 16);
      assertTrue(counts.get(0).get() > 0 && counts.get(1).get() > 0, counts.toString());
    });
  }

  private static void countDatagrams(UdpBatchSocket socket, AtomicInteger count) {
    var batch = new ReceiveBatch(new OffHeap(MESSAGES * ReceiveBatch.SLOT_BYTES), 0, MESSAGES);
    try {
      while (socket.receive(batch)) {
        for (int i = 0; i < batch.count(); i++) {
          int size = batch.segmentBytes(i);
          count.addAndGet((batch.bytes(i) + size - 1) / size);
        }
      }
    } catch (SyscallException e) {
      count.set(Integer.MIN_VALUE);
    }
  }

  @Test
  void shutdownEndsTheWaitOfAnotherThread() throws Exception {
    loopbackUp();
    try (var socket = UdpBatchSocket.open(IpAddress.parse("127.0.0.1"), PORT)) {
      var waiting = new CompletableFuture<Boolean>();
      var thread = new Thread(() -> {
        try {
          waiting.complete(socket.receive(received));
        } catch (SyscallException e) {
          waiting.completeExceptionally(e);
        }
      });
      thread.start();

      socket.shutdown();

      assertFalse(assertTimeoutPreemptively(Duration.ofSeconds(10), () -> waiting.get()));
      thread.join();
    }
  }
}
