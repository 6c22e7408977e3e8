package io.jaconet.vxlan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Encapsulation;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.Backend;
import io.jaconet.spi.Backend.PeerChange;
import io.jaconet.spi.BackendProvider;
import io.jaconet.testkit.BackendContract;
import io.jaconet.testkit.InNetworkNamespace;
import java.io.IOException;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@InNetworkNamespace
class VxlanBackendTest {
  private static final String V4 =
      "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\"}}";
  private static final String V6 =
      "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:244::/48\","
          + "\"Backend\":{\"Type\":\"vxlan\"}}";
  private static final String DUAL = "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\","
      + "\"IPv6Network\":\"fd00:244::/48\",\"Backend\":{\"Type\":\"vxlan\"}}";

  private static KernelHost host(String config) throws IOException {
    return new KernelHost(NetworkConfig.parse(config));
  }

  @Nested
  @InNetworkNamespace
  class OverIpv4 implements BackendContract {
    @Override
    public Host host() throws IOException {
      return VxlanBackendTest.host(V4);
    }
  }

  @Nested
  @InNetworkNamespace
  class OverIpv6 implements BackendContract {
    @Override
    public Host host() throws IOException {
      return VxlanBackendTest.host(V6);
    }
  }

  @Nested
  @InNetworkNamespace
  class InDualStack implements BackendContract {
    @Override
    public Host host() throws IOException {
      return VxlanBackendTest.host(DUAL);
    }
  }

  private static void open(KernelHost host, Backend backend) throws IOException {
    backend.open(host.own(backend.prepare()));
  }

  @Test
  void makesTheDeviceThatFlanneldWouldMake() throws Exception {
    try (var host =
        host("{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"VXLAN\",\"vni\":7}}")) {
      open(host, host.backend());

      String link = host.run("ip", "-d", "link", "show", "flannel.7");
      String address = host.run("ip", "-4", "addr", "show", "flannel.7");
      host.backend().close(CloseMode.PURGE);

      assertTrue(
          link.contains("vxlan id 7 local 192.0.2.1 dev eth0 srcport 0 0 dstport 8472 nolearning"),
          link);
      assertTrue(link.contains("mtu 1450 qdisc noqueue"), link);
      assertTrue(address.contains("inet 10.244.0.0/32 scope global flannel.7"), address);
    }
  }

  @Test
  void publishesWhatFlanneldTakesApartByItsPunctuation() throws Exception {
    try (var host = host(V4)) {
      var attributes = host.backend().prepare().attributes();
      String mac =
          host.run("ip", "link", "show", "flannel.1").replaceAll("(?s).*link/ether (\\S+).*", "$1");
      host.backend().close(CloseMode.PURGE);

      assertEquals(
          "{\"VNI\":1,\"VtepMAC\":\"" + mac + "\"}",
          attributes.backendData(IpFamily.V4).orElseThrow());
    }
  }

  /** T08. */
  @ParameterizedTest
  @ValueSource(ints = {1350, 1500, 9000})
  void saysTheMtuThatTheKernelReallyGives(int underlayMtu) throws Exception {
    for (String config : new String[] {V4, V6, DUAL}) {
      try (var host = new KernelHost(NetworkConfig.parse(config), underlayMtu)) {
        int overlayMtu = host.backend().prepare().overlayMtu();
        String links = host.run("ip", "link", "show", "type", "vxlan");
        host.backend().close(CloseMode.PURGE);

        int expected = NetworkConfig.parse(config).families().stream()
            .mapToInt(family -> Encapsulation.VXLAN.overlayMtu(underlayMtu, family))
            .min()
            .orElseThrow();
        assertEquals(expected, overlayMtu);
        assertTrue(links.contains("mtu " + expected + " "), links);
      }
    }
  }

  @Test
  void refusesAnUnderlayTooNarrowForIpv6AndLeavesNothingBehind() throws Exception {
    try (var host = new KernelHost(NetworkConfig.parse(V6), 1300)) {
      var refusal =
          assertThrows(IllegalArgumentException.class, () -> host.backend().prepare());
      host.backend().close(CloseMode.KEEP);

      assertTrue(
          String.valueOf(refusal.getMessage()).contains("1350 or more"), refusal.getMessage());
      assertFalse(host.run("ip", "link").contains("flannel"));
    }
  }

  @Test
  void keepsItsMacAcrossRestartAndReCreation() throws Exception {
    try (var host = host(V4)) {
      var first = host.backend().prepare().attributes();
      host.backend().close(CloseMode.PURGE);
      var afterPurge = host.restarted();
      var second = afterPurge.prepare().attributes();
      afterPurge.close(CloseMode.PURGE);

      assertEquals(first, second);
    }
  }

  @Test
  void takesOverTheDeviceOfARunningFlanneldWithItsMac() throws Exception {
    try (var host = host(V4)) {
      host.run(
          "ip",
          "link",
          "add",
          "flannel.1",
          "address",
          "6e:2a:d9:f9:c7:5e",
          "mtu",
          "1450",
          "type",
          "vxlan",
          "id",
          "1",
          "local",
          "192.0.2.1",
          "dev",
          "eth0",
          "dstport",
          "8472",
          "nolearning");
      String before = host.run("ip", "-o", "link", "show", "flannel.1").split(":", 2)[0];

      var attributes = host.backend().prepare().attributes();
      String after = host.run("ip", "-o", "link", "show", "flannel.1").split(":", 2)[0];
      host.backend().close(CloseMode.PURGE);

      assertTrue(attributes.backendData(IpFamily.V4).orElseThrow().contains("6e:2a:d9:f9:c7:5e"));
      assertEquals(before, after);
    }
  }

  /** I7: a process was killed when it had made the device and nothing else. */
  @Test
  void keepsADeviceFromTalkingByItselfThatNobodyHasSeenTo() throws Exception {
    try (var host = host(V4)) {
      host.run(
          "sh",
          "-c",
          "ip link add flannel.1 mtu 1450 type vxlan id 1 local 192.0.2.1 dev eth0 dstport 8472 nolearning ttl auto;"
              + " echo 1 > /proc/sys/net/ipv6/conf/flannel.1/accept_ra");
      open(host, host.backend());

      String link = host.run("ip", "-d", "link", "show", "flannel.1");
      String addresses = host.run("ip", "-6", "addr", "show", "flannel.1");
      String acceptRa = host.run("cat", "/proc/sys/net/ipv6/conf/flannel.1/accept_ra");
      host.backend().close(CloseMode.PURGE);

      assertTrue(link.contains("addrgenmode none"), link);
      assertEquals("", addresses);
      assertEquals("0", acceptRa.strip());
    }
  }

  @Test
  void makesItsDeviceAnewWhereItDiffersFromWhatIsWanted() throws Exception {
    try (var host = host(V4)) {
      host.run("ip", "link", "add", "flannel.1", "type", "vxlan", "id", "1", "dstport", "4789");

      open(host, host.backend());
      host.backend().apply(ImmutableList.of(new PeerChange(null, host.peer(1))));
      String link = host.run("ip", "-d", "link", "show", "flannel.1");
      boolean reached = host.reaches(host.peer(1));
      host.backend().close(CloseMode.PURGE);

      assertTrue(link.contains("dstport 8472"), link);
      assertTrue(reached);
    }
  }

  @Test
  void neverTouchesALinkOfAnotherKindThatHasItsName() throws Exception {
    try (var host = host(V4)) {
      host.run("ip", "link", "add", "flannel.1", "type", "bridge");

      var refusal = assertThrows(IOException.class, () -> host.backend().prepare());
      host.backend().close(CloseMode.PURGE);

      assertTrue(
          String.valueOf(refusal.getMessage()).contains("flannel.1")
              && String.valueOf(refusal.getMessage()).contains("bridge"),
          refusal.getMessage());
      assertTrue(host.run("ip", "-d", "link", "show", "flannel.1").contains("bridge"));
    }
  }

  /** T24. */
  @Test
  void namesTheDeviceThatHasTheVniAlready() throws Exception {
    try (var host = host(V4)) {
      host.run("ip", "link", "add", "cilium_vxlan", "type", "vxlan", "id", "1", "dstport", "8472");

      var refusal = assertThrows(IOException.class, () -> host.backend().prepare());
      host.backend().close(CloseMode.PURGE);

      assertTrue(
          String.valueOf(refusal.getMessage()).contains("cilium_vxlan"), refusal.getMessage());
    }
  }

  /** T25. */
  @Test
  void tellsTheSecondOwnerWhoTheFirstIs() throws Exception {
    try (var host = host(V4)) {
      host.backend().prepare();
      var second = host.restarted();

      var refusal = assertThrows(IOException.class, second::prepare);
      second.close(CloseMode.PURGE);
      boolean firstUnharmed = host.run("ip", "link").contains("flannel.1");
      host.backend().close(CloseMode.PURGE);

      assertTrue(
          String.valueOf(refusal.getMessage()).contains("another network of this process"),
          refusal.getMessage());
      assertTrue(firstUnharmed);
    }
  }

  @Test
  void anAuditMakesTheDeviceAnewWithAllPeersWhenItWasDeleted() throws Exception {
    try (var host = host(DUAL)) {
      open(host, host.backend());
      Lease peer = host.peer(1);
      host.backend().apply(ImmutableList.of(new PeerChange(null, peer)));
      String before =
          host.run("ip", "link", "show", "flannel.1").replaceAll("(?s).*link/ether (\\S+).*", "$1");
      host.run("ip", "link", "del", "flannel.1");

      host.backend().audit(ImmutableList.of(peer));
      String after =
          host.run("ip", "link", "show", "flannel.1").replaceAll("(?s).*link/ether (\\S+).*", "$1");
      boolean reached = host.reaches(peer);
      host.backend().close(CloseMode.PURGE);

      assertTrue(reached);
      assertEquals(before, after);
    }
  }

  /** F10: down and up again, the kernel has forgotten routes and neighbors. */
  @Test
  void anAuditMendsWhatTakingTheDeviceDownFlushed() throws Exception {
    try (var host = host(V4)) {
      open(host, host.backend());
      Lease peer = host.peer(1);
      host.backend().apply(ImmutableList.of(new PeerChange(null, peer)));
      host.run("ip", "link", "set", "flannel.1", "down");

      host.backend().audit(ImmutableList.of(peer));
      boolean reached = host.reaches(peer);
      host.backend().close(CloseMode.PURGE);

      assertTrue(reached);
    }
  }

  @Test
  void routesToPeersOnTheSameLinkDirectlyIfAsked() throws Exception {
    try (var host = host(
        "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\",\"DirectRouting\":true}}")) {
      open(host, host.backend());
      Lease peer = host.peer(1);

      var report = host.backend().apply(ImmutableList.of(new PeerChange(null, peer)));
      String route = host.run("ip", "route", "show", "10.244.1.0/24");
      int auditWrites = host.backend().audit(ImmutableList.of(peer)).writes();
      host.backend().apply(ImmutableList.of(new PeerChange(peer, null)));
      String afterwards = host.run("ip", "route", "show", "10.244.1.0/24");
      host.backend().close(CloseMode.PURGE);

      assertEquals(ImmutableMap.of(), report.pending());
      assertTrue(route.startsWith("10.244.1.0/24 via 192.0.2.11 dev eth0"), route);
      assertEquals(0, auditWrites);
      assertEquals("", afterwards);
    }
  }

  @Test
  void leavesARouteOfTheAdministratorsAloneAndSaysSo() throws Exception {
    try (var host = host(V4)) {
      open(host, host.backend());
      host.run("ip", "route", "add", "10.244.1.0/24", "via", "192.0.2.254", "dev", "eth0");
      Lease peer = host.peer(1);

      var report = host.backend().audit(ImmutableList.of(peer, host.peer(2)));
      String route = host.run("ip", "route", "show", "10.244.1.0/24");
      boolean other = host.reaches(host.peer(2));
      host.backend().close(CloseMode.PURGE);

      assertTrue(
          report.pending().getOrDefault(peer.subnets(), "").contains("ip route show 10.244.1.0/24"),
          report.pending().toString());
      assertTrue(route.contains("via 192.0.2.254 dev eth0"), route);
      assertTrue(other);
    }
  }

  @Test
  void purgeLeavesTheHostAsItWas() throws Exception {
    try (var host = host(DUAL)) {
      host.run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.254");
      String before = snapshot(host);
      open(host, host.backend());
      host.backend()
          .apply(ImmutableList.of(
              new PeerChange(null, host.peer(1)), new PeerChange(null, host.peer(2))));

      host.backend().close(CloseMode.PURGE);

      assertEquals(before, snapshot(host));
    }
  }

  private static String snapshot(KernelHost host) throws IOException {
    return host.run("ip", "-o", "link")
        + host.run("ip", "route", "show", "table", "all")
        + host.run("ip", "-6", "route", "show", "table", "all")
        + host.run("ip", "neigh")
        + host.run("ip", "nexthop")
        + host.run("bridge", "fdb");
  }

  @Test
  void namesTheOptionThatIsWrong() throws Exception {
    try (var host = host(V4)) {
      var config = NetworkConfig.parse(
          "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\",\"VNI\":16777216}}");
      var context = host.context("node-1");
      var wrong = new BackendProvider.Context(
          "test", "node-1", config, context.underlay(), context.namespace());

      var refusal = assertThrows(
          IllegalArgumentException.class, () -> new VxlanBackendProvider().create(wrong));

      assertTrue(
          String.valueOf(refusal.getMessage()).contains("Backend.VNI")
              && String.valueOf(refusal.getMessage()).contains("16777216"),
          refusal.getMessage());
    }
  }
}
