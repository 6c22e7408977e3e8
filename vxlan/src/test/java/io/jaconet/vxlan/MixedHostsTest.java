package io.jaconet.vxlan;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.Backend;
import io.jaconet.spi.Backend.PeerChange;
import io.jaconet.spi.BackendProvider;
import io.jaconet.testkit.Exchange;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.Workload;
import io.jaconet.udp.PacketCounter;
import io.jaconet.udp.backend.TunnelBackend;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Two hosts with a workload each, the first in user space, the second as well or in the kernel. Between namespaces the kernel neither cuts
 * what it sends nor finishes its checksums.
 */
@InNetworkNamespace
class MixedHostsTest {
  private static final String PREFIX = "jx" + ProcessHandle.current().pid() + "-";
  private static final long SEED = 20261201;
  private static final int MANY_BYTES = 40_000_000;
  private static final int VERY_MANY_BYTES = 400_000_000;

  private final List<Backend> backends = new ArrayList<>();
  private final List<Workload> workloads = new ArrayList<>();
  private @Nullable Fabric made;

  private void join(String secondDataPath, int workers) throws IOException {
    var fabric = Fabric.builder().prefix(PREFIX).create();
    made = fabric;
    List<Lease> leases = new ArrayList<>();
    for (var host : fabric.hosts()) {
      int n = backends.size() + 1;
      var v4 = IpPrefix.parse("10.244." + n + ".0/24");
      var v6 = IpPrefix.parse("fd00:244:0:" + n + "::/64");
      var config = NetworkConfig.parse(
          "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\",\"IPv6Network\":\"fd00:244::/48\","
              + "\"Backend\":{\"Type\":\"vxlan\",\"DataPath\":\""
              + (n == 1 ? "user\",\"Workers\":" + workers : secondDataPath + "\"")
              + "}}");
      var backend = new VxlanBackendProvider()
          .create(new BackendProvider.Context(
              "h" + n,
              "node-" + n,
              config,
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
    for (Backend backend : backends) {
      backend.close(CloseMode.PURGE);
    }
    requireNonNull(made).close();
  }

  private long count(PacketCounter counter) {
    return ((TunnelBackend) backends.get(0)).dataPath().orElseThrow().count(counter);
  }

  @ParameterizedTest
  @CsvSource({"kernel,V4,1", "kernel,V6,1", "kernel,V4,2", "kernel,V6,2", "user,V4,1", "user,V6,1"})
  void workloadsAndHostsReachEachOther(String secondDataPath, IpFamily family, int workers)
      throws Exception {
    join(secondDataPath, workers);

    for (int from = 0; from < 2; from++) {
      var there = workloads.get(1 - from).address(family);
      var fromWorkload = workloads.get(from).ping(there, 3);
      var fromHost = requireNonNull(made).host(from + 1).ping(there, 3);

      assertTrue(fromWorkload.ok(), fromWorkload::output);
      assertTrue(fromHost.ok(), fromHost::output);
      assertTrue(fromWorkload.output().contains("ttl=62"), fromWorkload::output);
    }
  }

  @ParameterizedTest
  @CsvSource({"kernel,V4,1", "kernel,V6,1", "kernel,V4,2", "kernel,V6,2", "user,V4,1", "user,V6,1"})
  void manyBytesArriveAsTheyWereInBothDirections(
      String secondDataPath, IpFamily family, int workers) throws Exception {
    join(secondDataPath, workers);
    exchange(MANY_BYTES, family);
  }

  @ParameterizedTest
  @CsvSource({"kernel,V4", "kernel,V6", "user,V4", "user,V6"})
  @Tag("nightly")
  void veryManyBytesArriveAsTheyWereInBothDirections(String secondDataPath, IpFamily family)
      throws Exception {
    join(secondDataPath, 1);
    exchange(VERY_MANY_BYTES, family);
  }

  private void exchange(int bytes, IpFamily family) throws Exception {
    for (int from = 0; from < 2; from++) {
      var exchange = new Exchange(workloads.get(from), workloads.get(1 - from), family, SEED);
      exchange.stream(bytes);
      exchange.datagrams(20);
      exchange.joinedDatagrams(20);
    }

    for (Workload workload : workloads) {
      assertEquals(0, Exchange.tcpChecksumErrors(workload));
    }
    assertTrue(count(PacketCounter.SENT_BYTES) > bytes);
    assertTrue(count(PacketCounter.RECEIVED_BYTES) > bytes);
    for (PacketCounter counter : PacketCounter.values()) {
      if (counter.name().startsWith("DROPPED") && counter != PacketCounter.DROPPED_NOT_UNICAST) {
        assertEquals(0, count(counter), counter.name());
      }
    }
  }
}
