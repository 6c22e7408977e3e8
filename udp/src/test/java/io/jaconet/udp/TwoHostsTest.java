package io.jaconet.udp;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hashing;
import com.google.common.hash.HashingInputStream;
import com.google.common.hash.HashingOutputStream;
import com.google.common.io.ByteStreams;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.Backend.PeerChange;
import io.jaconet.spi.BackendProvider;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.Workload;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two hosts with a workload each, and the kernel between all of them. */
@InNetworkNamespace
class TwoHostsTest {
  private static final String PREFIX = "ju" + ProcessHandle.current().pid() + "-";
  private static final NetworkConfig CONFIG = NetworkConfig.parse(
      "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\",\"IPv6Network\":\"fd00:244::/48\","
          + "\"Backend\":{\"Type\":\"udp\"}}");
  private static final long SEED = 20261129;
  private static final int TRANSFER_BYTES = 40_000_000;
  private static final int PORT = 5001;

  private final List<UdpBackend> backends = new ArrayList<>();
  private final List<Lease> leases = new ArrayList<>();
  private final List<Workload> workloads = new ArrayList<>();
  private @Nullable Fabric made;

  @BeforeEach
  void join() throws IOException {
    var fabric = Fabric.builder().prefix(PREFIX).create();
    made = fabric;
    for (var host : fabric.hosts()) {
      int n = backends.size() + 1;
      var v4 = IpPrefix.parse("10.244." + n + ".0/24");
      var v6 = IpPrefix.parse("fd00:244:0:" + n + "::/64");
      var backend = new UdpBackend(new BackendProvider.Context(
          "h" + n,
          "node-" + n,
          CONFIG,
          UnderlaySelection.ofInterface("eth0"),
          Path.of("/proc/self/fd", Integer.toString(host.namespace().fd()))));
      backends.add(backend);
      var preparation = backend.prepare();
      var lease = new Lease(Subnets.of(v4, v6), preparation.attributes(), "node-" + n, n, n);
      backend.open(lease);
      leases.add(lease);
      workloads.add(host.attachWorkload(preparation.overlayMtu(), v4, v6));
    }
    backends.get(0).apply(ImmutableList.of(new PeerChange(null, leases.get(1))));
    backends.get(1).apply(ImmutableList.of(new PeerChange(null, leases.get(0))));
  }

  @AfterEach
  void leave() throws IOException {
    for (UdpBackend backend : backends) {
      backend.close(CloseMode.PURGE);
    }
    fabric().close();
  }

  private Fabric fabric() {
    return requireNonNull(made);
  }

  private long count(int backend, PacketCounter counter) {
    return backends.get(backend).dataPath().orElseThrow().count(counter);
  }

  @ParameterizedTest
  @EnumSource
  void workloadsPingEachOtherAndHostsThem(IpFamily family) throws Exception {
    var there = workloads.get(1).address(family);

    var fromWorkload = workloads.get(0).ping(there, 3);
    var fromHost = fabric().host(1).ping(there, 3);

    assertTrue(fromWorkload.ok(), fromWorkload::output);
    assertTrue(fromHost.ok(), fromHost::output);
    assertTrue(fromWorkload.output().contains("ttl=60"), fromWorkload::output);
  }

  @ParameterizedTest
  @EnumSource
  void manyBytesArriveAsTheyWere(IpFamily family) throws Exception {
    for (int from = 0; from < 2; from++) {
      var received = new CompletableFuture<String>();
      try (var server = listen(workloads.get(1 - from), family)) {
        var reader = new Thread(() -> received.completeAsync(() -> receive(server), Runnable::run));
        reader.start();

        String sent = send(workloads.get(from), workloads.get(1 - from), family);

        assertEquals(sent, received.get(60, TimeUnit.SECONDS));
        reader.join();
      }
    }
    for (Workload workload : workloads) {
      assertEquals("0", checksumErrors(workload.namespace()));
    }
    assertTrue(count(0, PacketCounter.SENT_BYTES) > TRANSFER_BYTES);
    assertEquals(0, count(0, PacketCounter.DROPPED_BY_TRANSPORT));
    assertEquals(0, count(1, PacketCounter.DROPPED_BY_PORT));
  }

  /** Equal sizes are what the data path and the kernel join on the way. */
  @ParameterizedTest
  @EnumSource
  void datagramsArriveAsTheyWereSent(IpFamily family) throws Exception {
    var random = new Random(SEED);
    try (var receiver = datagramSocket(workloads.get(1), family);
        var sender = datagramSocket(workloads.get(0), family)) {
      receiver.setSoTimeout(10_000);
      for (int burst = 0; burst < 20; burst++) {
        List<byte[]> sent = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
          byte[] payload = new byte[burst % 2 == 0 ? 1200 : 1 + random.nextInt(1300)];
          random.nextBytes(payload);
          sent.add(payload);
          sender.send(
              new DatagramPacket(payload, payload.length, address(workloads.get(1), family), PORT));
        }
        for (byte[] payload : sent) {
          var packet = new DatagramPacket(new byte[2000], 2000);
          receiver.receive(packet);
          assertArrayEquals(payload, Arrays.copyOf(packet.getData(), packet.getLength()));
        }
      }
    }
  }

  private static DatagramSocket datagramSocket(Workload at, IpFamily family) throws IOException {
    return at.namespace()
        .<DatagramSocket, IOException>call(() -> new DatagramSocket(PORT, address(at, family)));
  }

  private static String checksumErrors(NetworkNamespace namespace) throws IOException {
    var lines = namespace.<List<String>, IOException>call(
        () -> java.nio.file.Files.readAllLines(Path.of("/proc/thread-self/net/snmp")));
    var tcp = lines.stream().filter(line -> line.startsWith("Tcp:")).toList();
    var names = List.of(tcp.get(0).split(" ", -1));
    return tcp.get(1).split(" ", -1)[names.indexOf("InCsumErrors")];
  }

  private static InetAddress address(Workload workload, IpFamily family) throws IOException {
    return InetAddress.getByAddress(workload.address(family).toBytes());
  }

  private static ServerSocket listen(Workload at, IpFamily family) throws IOException {
    return at.namespace()
        .<ServerSocket, IOException>call(() -> new ServerSocket(PORT, 1, address(at, family)));
  }

  private static String receive(ServerSocket server) {
    try (var socket = server.accept();
        var in = new HashingInputStream(Hashing.sha256(), socket.getInputStream())) {
      ByteStreams.exhaust(in);
      return in.hash().toString();
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** Writes random bytes in pieces of odd sizes and returns their hash. */
  private static String send(Workload from, Workload to, IpFamily family) throws IOException {
    var random = new Random(SEED);
    try (var socket = from.namespace().<Socket, IOException>call(() -> {
          var opened = new Socket();
          opened.connect(new InetSocketAddress(address(to, family), PORT), 10_000);
          return opened;
        });
        var out = new HashingOutputStream(Hashing.sha256(), socket.getOutputStream())) {
      writeOddly(out, random);
      return out.hash().toString();
    }
  }

  private static void writeOddly(OutputStream out, Random random) throws IOException {
    byte[] piece = new byte[100_000];
    random.nextBytes(piece);
    for (int written = 0; written < TRANSFER_BYTES; ) {
      int length = 1 + random.nextInt(random.nextInt(10) == 0 ? 100_000 : 3000);
      int from = random.nextInt(piece.length - length + 1);
      out.write(piece, from, length);
      written += length;
    }
  }

  /** flannel's rule, seen from a workload: two routers and two ways through the overlay. */
  @Test
  void theSenderIsToldThatItsTtlWasUsedUp() throws Exception {
    var there = workloads.get(1).address(IpFamily.V4).toString();

    var tooLittle = workloads.get(0).run("ping", "-n", "-c", "1", "-W", "2", "-t", "2", there);
    var enough = workloads.get(0).run("ping", "-n", "-c", "1", "-W", "2", "-t", "5", there);

    assertFalse(tooLittle.ok());
    assertTrue(
        tooLittle.output().contains("From 10.244.1.0 icmp_seq=1 Time to live exceeded"),
        tooLittle::output);
    assertTrue(enough.ok(), enough::output);
  }

  @Test
  void aPeerThatWasRemovedIsReachedNoMore() throws Exception {
    var there = workloads.get(1).address(IpFamily.V4);
    boolean before = workloads.get(0).ping(there, 1).ok();

    backends.get(0).apply(ImmutableList.of(new PeerChange(leases.get(1), null)));

    assertTrue(before);
    assertFalse(workloads.get(0).ping(there, 1).ok());
    assertTrue(count(0, PacketCounter.DROPPED_NO_ROUTE) > 0);
  }

  /** T40: flannel spins on a device that is gone. The ping, which waits a second, is the time that is measured. */
  @Test
  void aDeviceThatIsDownOrGoneCostsNoTimeAndComesBack() throws Exception {
    var there = workloads.get(1).address(IpFamily.V4);
    for (var damage : List.of("ip link set flannel0 down", "ip link del flannel0")) {
      assertTrue(fabric().host(1).run("sh", "-c", damage).ok());
      long before = cpuNanos();
      long start = System.nanoTime();
      boolean reached = workloads.get(0).ping(there, 1).ok();
      double share = (double) (cpuNanos() - before) / (System.nanoTime() - start);

      backends.get(0).audit(ImmutableList.of(leases.get(1)));

      assertFalse(reached, damage);
      assertTrue(share < 0.05, damage + ": " + share);
      assertTrue(workloads.get(0).ping(there, 5).ok(), damage);
    }
  }

  /** Returns the time that the data path's threads have run, those that have ended not counted. */
  private static long cpuNanos() {
    var threads = ManagementFactory.getThreadMXBean();
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("jaconet-h1-"))
        .mapToLong(thread -> Math.max(0, threads.getThreadCpuTime(thread.getId())))
        .sum();
  }
}
