package io.jaconet.examples.lab;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.Station;
import io.jaconet.testkit.Workload;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@InNetworkNamespace
@Timeout(60)
class ProbeTest {
  private static final String PREFIX = "pt" + ProcessHandle.current().pid() + "-";
  private static final IpPrefix SUBNET = IpPrefix.parse("10.244.1.0/24");

  private static Fabric fabric() throws IOException {
    return Fabric.builder().prefix(PREFIX).hosts(1).create();
  }

  private static Probe probe(Station from, Workload to) throws IOException {
    return Probe.all(
            from,
            ImmutableList.of(to),
            ImmutableList.of(IpFamily.V4),
            ImmutableMap.of(),
            System.nanoTime())
        .get(0);
  }

  private static Probe probeAnswering(Station from, Workload to) throws IOException {
    var mirror = Mirror.open(to, to.address(IpFamily.V4));
    try {
      return probe(from, to);
    } finally {
      mirror.close();
    }
  }

  @Test
  void aWorkloadThatSeesTheAskersOwnAddressIsGreen() throws IOException {
    try (var fabric = fabric()) {
      var workload = fabric.host(1).attachWorkload(1450, SUBNET);

      assertEquals("", probeAnswering(fabric.host(1), workload).failure());
    }
  }

  @Test
  void anAskerWhoseAddressIsTranslatedOnTheWayIsNotGreen() throws IOException {
    try (var fabric = fabric()) {
      var host = fabric.host(1);
      var workload = host.attachWorkload(1450, SUBNET);
      var translation = host.run(
          "nft",
          "table ip t { chain c { type nat hook postrouting priority 100; snat to 192.0.2.1; }; }");
      assertTrue(translation.ok(), translation::output);

      var probe = probeAnswering(host, workload);

      assertFalse(probe.green());
      assertTrue(probe.failure().contains("is seen as 192.0.2.1"), probe::failure);
    }
  }

  @Test
  void aWorkloadThatSendsFromAnotherAddressThanItsOwnIsNotGreen() throws IOException {
    try (var fabric = fabric()) {
      var host = fabric.host(1);
      var asker = host.attachWorkload(1450, SUBNET);
      var target = host.attachWorkload(1450, SUBNET);
      asker.run("ip", "address", "add", "10.244.1.77/24", "dev", "eth0");
      asker.run("ip", "route", "replace", "10.244.1.0/24", "dev", "eth0", "src", "10.244.1.77");

      var probe = probeAnswering(asker, target);

      assertTrue(probe.failure().contains("sends from 10.244.1.77"), probe::failure);
    }
  }

  @Test
  void aWorkloadThatDoesNotAnswerIsReportedWithACommandToLook() throws IOException {
    try (var fabric = fabric()) {
      var workload = fabric.host(1).attachWorkload(1450, SUBNET);
      var probes = ImmutableList.of(probe(fabric.host(1), workload));
      var bytes = new ByteArrayOutputStream();
      var report = new Report(new PrintStream(bytes, true, UTF_8), PREFIX, false);

      report.printReachability(probes);
      report.printFailures(probes, "ip netns exec ");
      report.printVerdict(probes, false, Duration.ofSeconds(1));

      var output = bytes.toString(UTF_8);
      assertTrue(output.contains("FAILED"), output);
      assertTrue(output.contains("ip netns exec " + PREFIX + "h1 ping 10.244.1.2"), output);
      assertTrue(output.contains("1 of 1 paths do not work"), output);
    }
  }

  @Test
  void anAddressThatNobodyHasIsNotGreen() throws IOException {
    try (var fabric = fabric()) {
      var workload = fabric.host(1).attachWorkload(1450, SUBNET);
      assertEquals(IpAddress.parse("10.244.1.2"), workload.address(IpFamily.V4));
      workload.run("ip", "address", "flush", "dev", "eth0");

      assertFalse(probe(fabric.host(1), workload).green());
    }
  }
}
