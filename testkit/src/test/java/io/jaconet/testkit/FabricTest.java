package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@InNetworkNamespace
class FabricTest {
  private static final String PREFIX = "jt" + ProcessHandle.current().pid() + "-";
  private static final IpPrefix SUBNET_4 = IpPrefix.parse("10.244.1.0/24");
  private static final IpPrefix SUBNET_6 = IpPrefix.parse("2001:db8:1:1::/64");

  private static Fabric.Builder fabric() {
    return Fabric.builder().prefix(PREFIX);
  }

  @AfterEach
  void leavesNothing() throws IOException {
    assertEquals(List.of(), Fabric.removeLeftovers(PREFIX));
  }

  @ParameterizedTest
  @EnumSource
  void hostsReachEachOtherAndTheWorldOnTheUnderlay(IpFamily family) throws IOException {
    try (var fabric = fabric().hosts(3).create()) {
      for (var from : fabric.hosts()) {
        for (var to : fabric.hosts()) {
          var ping = from.ping(to.address(family), 1);
          assertTrue(ping.ok(), ping::output);
        }
        assertTrue(from.ping(fabric.world().address(family), 1).ok());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aWorkloadReachesItsHostItsNeighborAndBack(IpFamily family) throws IOException {
    try (var fabric = fabric().hosts(1).create()) {
      var host = fabric.host(1);
      var first = host.attachWorkload(1430, SUBNET_4, SUBNET_6);
      var second = host.attachWorkload(1430, SUBNET_4, SUBNET_6);

      assertTrue(first.ping(host.address(family), 1).ok());
      assertTrue(first.ping(second.address(family), 1).ok());
      assertTrue(host.ping(first.address(family), 1).ok());
      assertEquals("10.244.1.2", first.address(IpFamily.V4).toString());
      assertEquals("2001:db8:1:1::3", second.address(IpFamily.V6).toString());
    }
  }

  @Test
  void workloadsOfTwoHostsDoNotReachEachOtherWithoutAnOverlay() throws IOException {
    try (var fabric = fabric().create()) {
      var here = fabric.host(1).attachWorkload(1450, SUBNET_4);
      var there = fabric.host(2).attachWorkload(1450, SUBNET_4.next());

      assertFalse(here.ping(there.address(IpFamily.V4), 1).ok());
    }
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.ValueSource(ints = {1280, 1500, 9000})
  void theUnderlayCarriesItsMtuAndNotAByteMore(int mtu) throws IOException {
    try (var fabric = fabric().underlayMtu(mtu).create()) {
      var target = fabric.host(2).address(IpFamily.V4).toString();
      int headers = 28;

      var fits =
          fabric.host(1).run("ping", "-n", "-c1", "-W1", "-Mdo", "-s" + (mtu - headers), target);
      var tooLong = fabric
          .host(1)
          .run("ping", "-n", "-c1", "-W1", "-Mdo", "-s" + (mtu - headers + 1), target);

      assertTrue(fits.ok(), fits::output);
      assertFalse(tooLong.ok());
    }
  }

  @Test
  void aFabricThatCannotBeMadeLeavesNothing() throws IOException {
    try (var blocker = NetworkNamespace.createNamed(PREFIX + "h2")) {
      try {
        assertThrows(IOException.class, () -> fabric().create());

        assertEquals(
            List.of(PREFIX + "h2"),
            NetworkNamespace.names().stream()
                .filter(name -> name.startsWith(PREFIX))
                .toList());
      } finally {
        blocker.delete();
      }
    }
  }

  @Test
  void aFabricLeftBehindIsTakenOverWithItsWorkloads() throws IOException {
    var left = fabric().create();
    var leftWorkload = left.host(1).attachWorkload(1450, SUBNET_4);

    try (var adopted = fabric().openOrCreate()) {
      var workload = adopted.host(1).attachWorkload(1450, SUBNET_4);

      assertTrue(adopted.isTakenOver());
      assertEquals(left.host(2).namespace(), adopted.host(2).namespace());
      assertEquals(leftWorkload.namespace(), workload.namespace());
      assertTrue(workload.ping(adopted.host(1).address(IpFamily.V4), 1).ok());
    } finally {
      left.close();
    }
  }

  @Test
  void aWorkloadWithAnotherAddressIsReplaced() throws IOException {
    var left = fabric().create();
    var leftWorkload = left.host(1).attachWorkload(1450, SUBNET_4);

    try (var adopted = fabric().openOrCreate()) {
      var workload = adopted.host(1).attachWorkload(1450, SUBNET_4.next());

      assertFalse(leftWorkload.namespace().equals(workload.namespace()));
      assertTrue(adopted.host(1).ping(workload.address(IpFamily.V4), 1).ok());
    } finally {
      left.close();
    }
  }

  @Test
  void aNamespaceThatOnlyBeginsLikeAFabricsIsNoLeftover() throws IOException {
    try (var stranger = NetworkNamespace.createNamed(PREFIX + "home")) {
      try {
        assertEquals(List.of(), Fabric.removeLeftovers(PREFIX));

        assertTrue(NetworkNamespace.names().contains(PREFIX + "home"));
      } finally {
        stranger.delete();
      }
    }
  }

  @Test
  void aFabricOfAnotherSizeIsReplaced() throws IOException {
    var left = fabric().hosts(3).create();

    try (var fabric = fabric().hosts(2).openOrCreate()) {
      assertFalse(fabric.isTakenOver());
      assertFalse(left.host(1).namespace().equals(fabric.host(1).namespace()));
      assertEquals(
          List.of(PREFIX + "h1", PREFIX + "h2", PREFIX + "switch"),
          NetworkNamespace.names().stream()
              .filter(name -> name.startsWith(PREFIX))
              .toList());
    } finally {
      left.close();
    }
  }

  @Test
  void aCommandReportsItsExitCodeAndBothOutputs() throws IOException {
    try (var fabric = fabric().hosts(1).create()) {
      var outcome = fabric.host(1).run("sh", "-c", "echo out; echo err >&2; exit 7");

      assertEquals(7, outcome.exitCode());
      assertEquals("out\nerr\n", outcome.output());
    }
  }

  @Test
  void theTestBodyRunsInTheNamespaceItIsGiven(NetworkNamespace namespace) throws IOException {
    var here = Files.readSymbolicLink(Path.of("/proc/thread-self/ns/net"));

    assertEquals(
        here, namespace.call(() -> Files.readSymbolicLink(Path.of("/proc/thread-self/ns/net"))));
    assertEquals(
        List.of("lo"),
        Files.readAllLines(Path.of("/proc/thread-self/net/dev")).stream()
            .skip(2)
            .map(line -> line.strip().split(":", 2)[0])
            .collect(Collectors.toList()));
  }
}
