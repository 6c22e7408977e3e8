package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpFamily;
import io.jaconet.testkit.MemoryPacketPort;
import io.jaconet.testkit.MemoryUnderlay;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DataPathTest {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final MemoryUnderlay underlay = new MemoryUnderlay();
  private final MemoryPacketPort port = new MemoryPacketPort(OneHost.ALL);
  private final MemoryUnderlay.Transport transport = underlay.attach(OneHost.at(IpFamily.V4, 1));
  private final DataPath dataPath = DataPath.start(
      new DataPath.Settings("blue", ImmutableMap.of(), OneHost.OVERLAY_MTU, SourceCheck.STRICT),
      port,
      ImmutableMap.of(IpFamily.V4, transport));

  @AfterEach
  void close() throws IOException {
    dataPath.close();
    assertEquals(List.of(), threads());
  }

  private static List<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("jaconet-blue-"))
        .filter(Thread::isDaemon)
        .map(Thread::getName)
        .sorted()
        .toList();
  }

  private static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < deadline, "in vain");
      Thread.onSpinWait();
    }
  }

  private static byte[] packet(int to) {
    return PacketSpec.udp("10.244.1.2", "10.244." + to + ".2", new byte[10]).bytes();
  }

  @Test
  void hasADaemonThreadForEachDirectionUntilItIsClosed() throws Exception {
    assertEquals(List.of("jaconet-blue-rx", "jaconet-blue-tx"), threads());

    dataPath.close();

    assertEquals(List.of(), threads());
    assertTrue(dataPath.failure().isEmpty());
  }

  @Test
  void hasSoManyThreadsAsLanes() throws Exception {
    dataPath.close();
    var lanes = ImmutableList.<DataPath.Lane>builder();
    for (int i = 0; i < 2; i++) {
      var transports = ImmutableMap.of(
          IpFamily.V4, underlay.attach(OneHost.at(IpFamily.V4, 1)),
          IpFamily.V6, underlay.attach(OneHost.at(IpFamily.V6, 1)));
      lanes.add(new DataPath.Lane(new MemoryPacketPort(OneHost.ALL), transports));
    }

    try (var wide = DataPath.start(
        new DataPath.Settings("blue", ImmutableMap.of(), OneHost.OVERLAY_MTU, SourceCheck.STRICT),
        lanes.build())) {
      assertEquals(
          List.of(
              "jaconet-blue-rx",
              "jaconet-blue-rx-2",
              "jaconet-blue-rx6",
              "jaconet-blue-rx6-2",
              "jaconet-blue-tx",
              "jaconet-blue-tx-2"),
          threads());
      assertTrue(wide.failure().isEmpty());
    }
  }

  @Test
  void twoOfThemCarryPacketsInMemory() throws Exception {
    var otherPort = new MemoryPacketPort(OneHost.NO_OFFLOADS);
    var settings =
        new DataPath.Settings("green", ImmutableMap.of(), OneHost.OVERLAY_MTU, SourceCheck.STRICT);
    try (var other = DataPath.start(
        settings,
        otherPort,
        ImmutableMap.of(IpFamily.V4, underlay.attach(OneHost.at(IpFamily.V4, 2))))) {
      dataPath.setTable(OneHost.table());
      other.setTable(ForwardingTable.of(ImmutableMap.of(
          OneHost.subnet(IpFamily.V4, 1), new Endpoint(OneHost.at(IpFamily.V4, 1), 8285))));

      port.give(packet(2));
      await(() -> other.count(PacketCounter.RECEIVED) == 1);

      var spec = PacketSpec.udp("10.244.1.2", "10.244.2.2", new byte[10]);
      spec.ttl -= 2;
      assertArrayEquals(
          spec.bytes(), OneHost.withoutHeader(otherPort.takeWritten().get(0)));
    }
  }

  /** T40: flannel's control messages starve while there is traffic. */
  @Test
  void aTableHoldsAtOnceUnderFullLoad() {
    var load = new Thread(() -> {
      while (!Thread.currentThread().isInterrupted()) {
        if (port.isEmpty()) {
          for (int i = 0; i < 200; i++) {
            port.give(packet(2));
          }
        }
        transport.takeSent();
      }
    });
    load.start();
    underlay.attach(OneHost.at(IpFamily.V4, 2));
    await(() -> dataPath.count(PacketCounter.DROPPED_NO_ROUTE) > 1000);

    long start = System.nanoTime();
    dataPath.setTable(OneHost.table());
    await(() -> dataPath.count(PacketCounter.SENT) > 0);
    long tookMillis = (System.nanoTime() - start) / 1_000_000;
    load.interrupt();

    assertTrue(tookMillis < 100, tookMillis + " ms");
  }

  @Test
  void aLostPortStopsItAndIsNamed() {
    port.lose();

    await(() -> dataPath.failure().isPresent());
    await(() -> threads().isEmpty());
    assertEquals("the port is lost", dataPath.failure().orElseThrow().getMessage());
  }
}
