package io.jaconet.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpAddress;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(FreshNetworkNamespace.class)
class TunDeviceTest {
  private static final int CAPACITY = 70_000;
  private static final int IP_AND_UDP_BYTES = 28;

  private final OffHeap memory = new OffHeap(CAPACITY);

  private static void configure(TunDevice tun) throws Exception {
    try (var netlink = RtNetlink.open()) {
      int index = netlink.link(tun.name()).orElseThrow().index();
      netlink.addAddress(index, IpAddress.parse("198.51.100.1"), 24);
      netlink.setUp(index);
    }
  }

  private int nextIpv4(TunDevice tun) throws Exception {
    while (true) {
      int length = tun.read(memory, 0, CAPACITY);
      if (length == 0) {
        assertTrue(tun.await());
      } else if ((memory.buffer().get(TunDevice.HEADER_BYTES) >> 4) == 4) {
        return length;
      }
    }
  }

  @Test
  void takesTheFirstFreeNumber() throws Exception {
    try (var first = TunDevice.open("flannel%d");
        var second = TunDevice.open("flannel%d")) {
      assertEquals("flannel0", first.name());
      assertEquals("flannel1", second.name());
    }
  }

  /** Also while answers are written, upon which the kernel by itself would move flows. */
  @Test
  void aFlowStaysInOneQueueWhateverIsWritten() throws Exception {
    FreshNetworkNamespace.inNewNamespace(() -> {
      var queues = TunDevice.openQueues("tun%d", 2, Duration.ofNanos(1000));
      configure(queues.get(0));
      var there = InetAddress.getByName("198.51.100.2");
      var queueOfPort = new HashMap<Integer, Integer>();
      for (int round = 0; round < 3; round++) {
        for (int port = 4000; port < 4016; port++) {
          try (var socket = new DatagramSocket(
              new InetSocketAddress(InetAddress.getByName("198.51.100.1"), port))) {
            socket.setSoTimeout(5000);
            socket.send(new DatagramPacket("over".getBytes(UTF_8), 4, there, port));
            int queue = queueWithPacket(queues);
            Integer before = queueOfPort.put(port, queue);
            assertEquals(before == null ? queue : before, queue);
            turnAround(TunDevice.HEADER_BYTES);
            var packet = new Slices(memory, 1);
            packet.add(0, TunDevice.HEADER_BYTES + IP_AND_UDP_BYTES + 4);
            assertTrue(queues.get(1 - queue).write(packet));
            socket.receive(new DatagramPacket(new byte[10], 10));
          }
        }
      }
      for (TunDevice queue : queues) {
        queue.close();
      }

      assertEquals(Set.of(0, 1), Set.copyOf(queueOfPort.values()));
      try (var netlink = RtNetlink.open()) {
        assertTrue(netlink.link("tun0").isEmpty());
      }
    });
  }

  /** Reads the next IPv4 packet of any queue into memory. */
  private int queueWithPacket(List<TunDevice> queues) throws Exception {
    while (true) {
      for (int i = 0; i < queues.size(); i++) {
        if (queues.get(i).read(memory, 0, CAPACITY) > 0
            && memory.buffer().get(TunDevice.HEADER_BYTES) >> 4 == 4) {
          return i;
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void readsWhatTheHostSendsAndTheHostReceivesWhatIsWritten(boolean headers) throws Exception {
    FreshNetworkNamespace.inNewNamespace(() -> {
      try (var tun = TunDevice.open("tun%d", headers)) {
        configure(tun);
        try (var socket = new DatagramSocket(
            new InetSocketAddress(InetAddress.getByName("198.51.100.1"), 4000))) {
          socket.setSoTimeout(5000);
          var there = InetAddress.getByName("198.51.100.2");
          socket.send(new DatagramPacket("over".getBytes(UTF_8), 4, there, 4000));

          int length = nextIpv4(tun);
          turnAround(TunDevice.HEADER_BYTES);
          var packet = new Slices(memory, 2);
          packet.add(0, TunDevice.HEADER_BYTES);
          packet.add(TunDevice.HEADER_BYTES, length - TunDevice.HEADER_BYTES);
          boolean taken = tun.write(packet);
          var received = new DatagramPacket(new byte[10], 10);
          socket.receive(received);

          assertEquals(headers, tun.offloads().header());
          assertEquals(TunDevice.HEADER_BYTES + IP_AND_UDP_BYTES + 4, length);
          assertTrue(taken);
          assertEquals("over", new String(received.getData(), 0, received.getLength(), UTF_8));
          assertEquals(there, received.getAddress());
        }
      }
    });
  }

  /** Swaps source and destination, which changes no checksum; an unfinished one stays so. */
  private void turnAround(int at) {
    var packet = memory.buffer();
    int source = packet.getInt(at + 12);
    packet.putInt(at + 12, packet.getInt(at + 16)).putInt(at + 16, source);
  }

  @Test
  void refusesPacketsWhileItIsDownAndThrowsOnceItIsGone() throws Exception {
    try (var tun = TunDevice.open("tun%d");
        var netlink = RtNetlink.open()) {
      var packet = new Slices(memory, 1);
      packet.add(0, TunDevice.HEADER_BYTES + IP_AND_UDP_BYTES);

      boolean takenWhileDown = tun.write(packet);
      netlink.deleteLink(netlink.link(tun.name()).orElseThrow().index());

      assertFalse(takenWhileDown);
      assertTrue(tun.await());
      assertThrows(SyscallException.class, () -> tun.read(memory, 0, CAPACITY));
      assertThrows(SyscallException.class, () -> tun.write(packet));
    }
  }

  @Test
  void shutdownEndsTheWaitOfAnotherThread() throws Exception {
    try (var tun = TunDevice.open("tun%d")) {
      var waiting = new CompletableFuture<Boolean>();
      var thread = new Thread(() -> {
        try {
          waiting.complete(tun.await());
        } catch (SyscallException e) {
          waiting.completeExceptionally(e);
        }
      });
      thread.start();

      tun.shutdown();

      assertFalse(assertTimeoutPreemptively(Duration.ofSeconds(10), () -> waiting.get()));
      thread.join();
    }
  }
}
