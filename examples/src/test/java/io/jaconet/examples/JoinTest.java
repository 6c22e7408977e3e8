package io.jaconet.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableMap;
import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.NetworkState.Phase;
import io.jaconet.NetworkStats.Counter;
import io.jaconet.OverlayNetwork;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.RtNetlink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.SubnetEnv;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.KernelState;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Joining for real: a store, the engine, VXLAN and the kernel, looked at with iproute2. */
@InNetworkNamespace
class JoinTest {
  private static final String CONFIG =
      "{\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}";
  private static final Duration TTL = Duration.ofHours(24);

  private final InMemoryLeaseStore store = new InMemoryLeaseStore();
  private final StoreSubnetManager leases = StoreSubnetManager.over(store);

  private static void makeUnderlay(NetworkNamespace namespace) throws IOException {
    try (var netlink = namespace.call(RtNetlink::open)) {
      int eth0 = netlink.createVeth("eth0", "wire").index();
      netlink.addAddress(eth0, IpAddress.parse("192.0.2.1"), 24);
      netlink.setUp(netlink.link("wire").orElseThrow().index());
      netlink.setUp(eth0);
    }
  }

  private Jaconet.Builder host(NetworkNamespace namespace) {
    return Jaconet.builder()
        .nodeId("host-1")
        .config(NetworkConfig.parse(CONFIG))
        .subnetManager(leases)
        .underlay(UnderlaySelection.ofInterface("eth0"))
        .namespace(Path.of("/proc/self/fd", Integer.toString(namespace.fd())));
  }

  private void put(String key, String value) throws IOException {
    store.overwrite(key, value, TTL);
  }

  private void putPeer(int n) throws IOException {
    put(
        "10.244." + n + ".0-24",
        value("198.51.100." + n, "02:00:00:00:01:" + String.format("%02x", n)));
  }

  private static String value(String publicIp, String mac) {
    return LeaseAttributes.of(
            "vxlan",
            ImmutableMap.of(IpFamily.V4, IpAddress.parse(publicIp)),
            ImmutableMap.of(IpFamily.V4, "{\"VNI\":1,\"VtepMAC\":\"" + mac + "\"}"))
        .toJson();
  }

  private static String run(NetworkNamespace namespace, String... command) throws IOException {
    var process = namespace.start(new ProcessBuilder(command).redirectErrorStream(true));
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  /** Waits for what a network tells, in place of guessing how long it takes. */
  private static final class Heard implements NetworkListener {
    private final BlockingQueue<NetworkState> states = new LinkedBlockingQueue<>();
    private final BlockingQueue<Subnets> peers = new LinkedBlockingQueue<>();

    @Override
    public void onState(NetworkState state) {
      states.add(state);
    }

    @Override
    public void onPeer(@Nullable Lease before, @Nullable Lease after) {
      if (after != null) {
        peers.add(after.subnets());
      }
    }

    NetworkState await(Phase phase) throws InterruptedException {
      for (; ; ) {
        var state = states.poll(20, TimeUnit.SECONDS);
        assertTrue(state != null, "never " + phase);
        if (state.phase() == phase) {
          return state;
        }
      }
    }

    void awaitPeer(Subnets subnets) throws InterruptedException {
      for (; ; ) {
        var peer = peers.poll(20, TimeUnit.SECONDS);
        assertTrue(peer != null, "never heard of " + subnets);
        if (peer.equals(subnets)) {
          return;
        }
      }
    }
  }

  /** T04, T22, F7: whatever stands in the store, the kernel gets the good peers and nothing else. */
  @Test
  void garbageInTheStoreNeverReachesTheKernel(NetworkNamespace namespace) throws Exception {
    makeUnderlay(namespace);
    long seed = new Random().nextLong();
    System.out.println("JoinTest seed " + seed);
    var random = new Random(seed);
    for (int n = 100; n < 150; n++) {
      putPeer(n);
    }
    String good = value("198.51.100.200", "02:00:00:00:02:c8");
    put("0.0.0.0-0", good);
    put("192.0.2.0-24", good);
    put("10.244.0.0-17", good);
    put("10.245.1.0-24", good);
    put("127.0.0.0-8", good);
    put("224.0.0.0-24", good);
    put("10.244.200.0-24", value("127.0.0.1", "02:00:00:00:02:01"));
    put("10.244.201.0-24", value("224.0.0.1", "02:00:00:00:02:02"));
    put("10.244.202.0-24", value("255.255.255.255", "02:00:00:00:02:03"));
    put("10.244.203.0-24", value("10.244.100.9", "02:00:00:00:02:04"));
    put("10.244.204.0-24", value("198.51.100.204", "00:00:00:00:00:00"));
    put("10.244.205.0-24", value("198.51.100.205", "ff:ff:ff:ff:ff:ff"));
    put("10.244.206.0-24", value("198.51.100.206", "01:00:5e:00:00:01"));
    put("10.244.207.0-24", value("198.51.100.207", "02:00:00:00:01:64"));
    put(
        "10.244.208.0-24",
        value("198.51.100.208", "02:00:00:00:02:d0").replace("vxlan", "host-gw"));
    put(
        "10.244.209.0-24",
        value("198.51.100.209", "02:00:00:00:02:d1").replace("\"VNI\":1", "\"VNI\":7"));
    for (int i = 0; i < 300; i++) {
      var bytes = good.getBytes(StandardCharsets.ISO_8859_1);
      for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(128);
      }
      put("garbage-" + i, new String(bytes, StandardCharsets.ISO_8859_1));
      put(
          "10.244." + random.nextInt(256) + "." + (1 + random.nextInt(255)) + "-"
              + random.nextInt(40),
          good);
    }

    try (var network = host(namespace).join().get()) {
      var expected = IntStream.range(100, 150)
          .mapToObj(n -> "10.244." + n + ".0/24")
          .collect(Collectors.toSet());
      var routed = run(namespace, "ip", "route", "show", "dev", "flannel.1")
          .lines()
          .map(line -> line.substring(0, line.indexOf(' ')))
          .collect(Collectors.toSet());
      var before = run(namespace, "ip", "route", "show", "dev", "eth0");

      assertEquals(expected, routed);
      assertEquals("192.0.2.0/24 proto kernel scope link src 192.0.2.1", before.strip());
      assertEquals(Phase.UP, network.state().phase());
      assertTrue(
          network.quarantine().size() >= 300,
          "quarantined " + network.quarantine().size());
      network.close(CloseMode.PURGE);
    }
  }

  @Test
  void aPeerOfTheStoreIsInTheKernelWhenTheListenerHears(NetworkNamespace namespace)
      throws Exception {
    makeUnderlay(namespace);
    var heard = new Heard();
    try (var network = host(namespace).listener(heard).join().get()) {
      putPeer(120);

      heard.awaitPeer(Subnets.parseKey("10.244.120.0-24"));
      String neighbors = run(namespace, "ip", "neigh", "show", "dev", "flannel.1");
      String fdb = run(namespace, "bridge", "fdb", "show", "dev", "flannel.1");

      assertTrue(neighbors.contains("10.244.120.0 lladdr 02:00:00:00:01:78 PERMANENT"), neighbors);
      assertTrue(fdb.contains("02:00:00:00:01:78 dst 198.51.100.120 self permanent"), fdb);
      network.close(CloseMode.PURGE);
    }
  }

  /** F5, T32: the own record is taken; the kernel must not go on routing for a subnet of another. */
  @Test
  void stopsInTheKernelWhenItsSubnetIsTakenAndGoesOnWithAnother(NetworkNamespace namespace)
      throws Exception {
    makeUnderlay(namespace);
    putPeer(120);
    var heard = new Heard();
    try (var network = host(namespace).listener(heard).join().get()) {
      heard.await(Phase.UP);
      var lost = network.lease().subnets();

      put(lost.key(), value("198.51.100.77", "02:00:00:00:07:07"));
      heard.await(Phase.FENCED);
      heard.await(Phase.UP);
      var now = network.lease().subnets();
      String address = run(namespace, "ip", "-o", "-4", "addr", "show", "dev", "flannel.1");
      String route = run(namespace, "ip", "route", "show", "10.244.120.0/24");

      assertFalse(now.equals(lost));
      assertTrue(
          address.contains(" " + now.prefix(IpFamily.V4).orElseThrow().base() + "/32 "), address);
      assertTrue(route.contains("dev flannel.1"), route);
      assertEquals(1, network.stats().get(Counter.FENCINGS));
      network.close(CloseMode.PURGE);
    }
  }

  @Test
  void keepsTrafficAfterCloseAndAdoptsWithoutAWrite(NetworkNamespace namespace) throws Exception {
    makeUnderlay(namespace);
    putPeer(120);
    String before;
    Subnets subnets;
    try (var network = host(namespace).join().get()) {
      subnets = network.lease().subnets();
      before = kernel(namespace);
    }
    String between = kernel(namespace);

    try (var network = host(namespace).join().get()) {
      assertEquals(subnets, network.lease().subnets());
      assertEquals(0, network.stats().get(Counter.KERNEL_WRITES));
      assertEquals(before, between);
      assertEquals(before, kernel(namespace));
      network.close(CloseMode.PURGE);
    }
  }

  /** T23. */
  @Test
  void sweepsPeersThatWentWhileNobodyLooked(NetworkNamespace namespace) throws Exception {
    makeUnderlay(namespace);
    putPeer(120);
    putPeer(121);
    host(namespace).join().get().close();
    for (var entry : store.list().entries()) {
      if (entry.key().equals("10.244.120.0-24")) {
        store.delete(entry);
      }
    }

    try (var network = host(namespace).join().get()) {
      String routes = run(namespace, "ip", "route", "show", "dev", "flannel.1");
      String fdb = run(namespace, "bridge", "fdb", "show", "dev", "flannel.1");

      assertFalse(routes.contains("10.244.120.0/24"), routes);
      assertFalse(fdb.contains("198.51.100.120"), fdb);
      assertTrue(routes.contains("10.244.121.0/24"), routes);
      network.close(CloseMode.PURGE);
    }
  }

  private static String kernel(NetworkNamespace namespace) throws IOException {
    return String.join("\n", KernelState.of(namespace).lines());
  }

  @Test
  void asksForTheSubnetInItsFileAgain(NetworkNamespace namespace, @TempDir Path directory)
      throws Exception {
    makeUnderlay(namespace);
    Path file = directory.resolve("subnet.env");
    Files.writeString(
        file,
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.77.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n");

    try (var network = host(namespace).subnetFile(file).join().get()) {
      assertEquals(
          IpPrefix.parse("10.244.77.0/24"),
          network.lease().subnets().prefix(IpFamily.V4).orElseThrow());
      assertEquals(SubnetEnv.read(file), network.subnetEnv());
      network.close(CloseMode.PURGE);
    }
  }

  @Test
  void refusesANetworkThatSwallowsTheUnderlayAndLeavesNoDevice(NetworkNamespace namespace)
      throws Exception {
    makeUnderlay(namespace);

    var joined = host(namespace)
        .config(NetworkConfig.parse(
            "{\"Network\": \"192.0.0.0/8\", \"Backend\": {\"Type\": \"vxlan\"}}"))
        .join();

    var refusal = assertThrows(ExecutionException.class, joined::get);
    assertTrue(String.valueOf(refusal.getMessage()).contains("192.0.2.0/24"), refusal.toString());
    assertFalse(run(namespace, "ip", "link").contains("flannel"));
    assertEquals(0, store.list().entries().size());
  }

  /** T27: the message says what is missing. */
  @Test
  void saysWhichCapabilityIsMissing(NetworkNamespace namespace) throws Exception {
    makeUnderlay(namespace);

    String output = run(
        namespace,
        "setpriv",
        "--bounding-set=-net_admin",
        "--inh-caps=-net_admin",
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-cp",
        classPath(),
        JoinWithoutRights.class.getName());

    assertTrue(output.contains("CAP_NET_ADMIN"), output);
  }

  private static String classPath() {
    return System.getProperty("jdk.module.path", "") + ":"
        + System.getProperty("java.class.path", "") + ":"
        + System.getProperty("surefire.test.class.path", "") + ":"
        + Path.of(
            JoinTest.class.getProtectionDomain().getCodeSource().getLocation().getPath());
  }

  @Test
  void aWrongBackendNameIsAnsweredWithThoseThereAre(NetworkNamespace namespace) throws Exception {
    var builder = host(namespace)
        .config(NetworkConfig.parse(
            "{\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"wireguard\"}}"));

    var refusal = assertThrows(IllegalArgumentException.class, builder::join);

    assertTrue(String.valueOf(refusal.getMessage()).contains("vxlan"), refusal.toString());
  }

  @Test
  void closesWhileItsNamespaceIsGone(NetworkNamespace unused) throws Exception {
    var namespace = NetworkNamespace.createAnonymous();
    makeUnderlay(namespace);
    OverlayNetwork network = host(namespace).join().get();
    namespace.close();

    network.close(CloseMode.PURGE);

    assertEquals(Phase.CLOSED, network.state().phase());
  }
}
