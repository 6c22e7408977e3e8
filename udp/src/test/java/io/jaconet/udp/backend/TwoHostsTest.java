package io.jaconet.udp.backend;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.Backend.PeerChange;
import io.jaconet.spi.BackendProvider;
import io.jaconet.testkit.Exchange;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.Workload;
import io.jaconet.udp.PacketCounter;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two hosts with a workload each, and the kernel between all of them. */
@InNetworkNamespace
class TwoHostsTest {
  private static final String PREFIX = "ju" + ProcessHandle.current().pid() + "-";
  private static final long SEED = 20261129;
  private static final int MANY_BYTES = 40_000_000;
  private static final int VERY_MANY_BYTES = 400_000_000;

  private final List<TunnelBackend> backends = new ArrayList<>();
  private final List<Lease> leases = new ArrayList<>();
  private final List<Workload> workloads = new ArrayList<>();
  private @Nullable Fabric made;

  /** Returns more options of the backend, each after a comma. */
  String options() {
    return "";
  }

  @BeforeEach
  void join() throws IOException {
    var config = NetworkConfig.parse(
        "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\",\"IPv6Network\":\"fd00:244::/48\","
            + "\"Backend\":{\"Type\":\"udp\"" + options() + "}}");
    var fabric = Fabric.builder().prefix(PREFIX).create();
    made = fabric;
    for (var host : fabric.hosts()) {
      int n = backends.size() + 1;
      var v4 = IpPrefix.parse("10.244." + n + ".0/24");
      var v6 = IpPrefix.parse("fd00:244:0:" + n + "::/64");
      var backend = new TunnelBackend(
          new BackendProvider.Context(
              "h" + n,
              "node-" + n,
              config,
              UnderlaySelection.ofInterface("eth0"),
              Path.of("/proc/self/fd", Integer.toString(host.namespace().fd()))),
          UdpScheme.of(config));
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
    for (TunnelBackend backend : backends) {
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
  void manyBytesArriveAsTheyWereInBothDirections(IpFamily family) throws Exception {
    exchange(MANY_BYTES, family);
  }

  @ParameterizedTest
  @EnumSource
  @Tag("nightly")
  void veryManyBytesArriveAsTheyWereInBothDirections(IpFamily family) throws Exception {
    exchange(VERY_MANY_BYTES, family);
  }

  private void exchange(int bytes, IpFamily family) throws Exception {
    for (int from = 0; from < 2; from++) {
      new Exchange(workloads.get(from), workloads.get(1 - from), family, SEED).stream(bytes);
    }

    for (Workload workload : workloads) {
      assertEquals(0, Exchange.tcpChecksumErrors(workload));
    }
    for (int host = 0; host < 2; host++) {
      assertTrue(count(host, PacketCounter.SENT_BYTES) > bytes);
      assertEquals(0, count(host, PacketCounter.DROPPED_BY_TRANSPORT));
      assertEquals(0, count(host, PacketCounter.DROPPED_BY_PORT));
    }
  }

  @ParameterizedTest
  @EnumSource
  void datagramsArriveAsTheyWereSent(IpFamily family) throws Exception {
    new Exchange(workloads.get(0), workloads.get(1), family, SEED).datagrams(20);
  }

  @ParameterizedTest
  @EnumSource
  void flowsAtTheSameTimeKeepTheirOrder(IpFamily family) throws Exception {
    var flows = new ArrayList<CompletableFuture<?>>();
    for (int i = 0; i < 4; i++) {
      var exchange =
          new Exchange(workloads.get(i % 2), workloads.get(1 - i % 2), family, SEED + i, 6000 + i);
      flows.add(CompletableFuture.runAsync(() -> {
        try {
          exchange.datagrams(20);
          exchange.stream(2_000_000);
        } catch (Exception e) {
          throw new CompletionException(e);
        }
      }));
    }

    CompletableFuture.allOf(flows.toArray(CompletableFuture<?>[]::new)).get(60, TimeUnit.SECONDS);

    assertEquals(0, count(0, PacketCounter.DROPPED_BY_PORT));
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

  /** A router that takes less than the hosts' interfaces; ICMP errors of it are how the first one learns. */
  @ParameterizedTest
  @EnumSource
  void aPathThatIsNarrowerThanItsEndsIsNoBlackHole(IpFamily family) throws Exception {
    putNarrowRouterInBetween(family, 1400);
    var there = workloads.get(1).address(family).toString();

    var ping = workloads
        .get(0)
        .run("ping", "-n", "-c", "5", "-i", "0.2", "-W", "1", "-M", "do", "-s", "1380", there);
    new Exchange(workloads.get(0), workloads.get(1), family, SEED).stream(1_000_000);
    long inFragments = count(0, PacketCounter.SENT_IN_FRAGMENTS);
    new Exchange(workloads.get(0), workloads.get(1), family, SEED + 1).stream(1_000_000);

    int limit = 1400 - (family == IpFamily.V4 ? 28 : 48);
    assertTrue(
        ping.output().contains("mtu=" + limit)
            || ping.output().contains("mtu " + limit)
            || ping.output().contains("mtu: " + limit),
        ping::output);
    assertTrue(count(0, PacketCounter.DROPPED_TOO_BIG) > 0);
    assertTrue(inFragments > 0);
    assertEquals(inFragments, count(0, PacketCounter.SENT_IN_FRAGMENTS));
    assertEquals(0, count(0, PacketCounter.DROPPED_BY_TRANSPORT));
  }

  private void putNarrowRouterInBetween(IpFamily family, int mtu) throws IOException {
    var router = fabric().world();
    var target = fabric().host(2).address(family);
    String ip = family == IpFamily.V4 ? "ip -4" : "ip -6";
    for (var outcome : List.of(
        router.run(
            "sh",
            "-c",
            "echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects"
                + " && echo 1 > /proc/sys/net/ipv4/ip_forward"
                + " && echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"
                + " && dev=$(ip -o link show type bridge | cut -d: -f2 | tr -d ' ')"
                + " && for d in $dev; do echo 0 > /proc/sys/net/ipv4/conf/$d/send_redirects; done"
                + " && " + ip + " route add " + target + " dev $dev mtu lock " + mtu),
        fabric()
            .host(1)
            .run("sh", "-c", ip + " route add " + target + " via " + router.address(family)))) {
      assertTrue(outcome.ok(), outcome::output);
    }
  }

  @Test
  void showsWhichOffloadsAreInUseAndWhyPacketsAreDropped() throws Exception {
    workloads.get(0).ping(IpAddress.parse("10.244.99.2"), 1);

    var status = backends.get(0).status();

    assertEquals("user", status.features().get("dataPath"));
    assertEquals("flannel0", status.features().get("device"));
    assertEquals("true", status.features().get("tunTcp"));
    assertEquals("true", status.features().get("socketCuts"));
    assertEquals(1L, status.counters().get("DROPPED_NO_ROUTE"));
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
