package io.jaconet.subnet.kubernetes;

import static io.jaconet.subnet.kubernetes.Nodes.DUAL;
import static io.jaconet.subnet.kubernetes.Nodes.PREFIX;
import static io.jaconet.subnet.kubernetes.Nodes.V4;
import static io.jaconet.subnet.kubernetes.Nodes.attributes;
import static io.jaconet.subnet.kubernetes.Nodes.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.PublicIpInUseException;
import io.jaconet.testkit.kubernetes.ApiServer;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is written to a node and read of it, as flanneld does. */
@Timeout(60)
class FlannelAnnotationsTest {
  private ApiServer server;
  private KubernetesCluster cluster;
  private KubernetesSubnetManager manager;

  @BeforeEach
  void start() throws IOException {
    server = ApiServer.start();
    cluster = KubernetesCluster.builder().apiUrl(server.url()).build();
    manager = KubernetesSubnetManager.over(cluster);
  }

  @AfterEach
  void stop() throws IOException {
    manager.close();
    cluster.close();
    server.close();
  }

  private Map<String, String> annotations(String node) {
    var texts = new TreeMap<String, String>();
    server.annotations(node).forEach((name, text) -> texts.put(name.replace(PREFIX, ""), text));
    return texts;
  }

  @Test
  void writesTheFormThatFlanneldTakesApart() throws IOException {
    server.addNode("a", "10.244.7.0/24");
    var grant = manager.acquire(request(V4, "a", attributes(7)));

    assertEquals("10.244.7.0/24", grant.lease().subnets().toString());
    assertNull(grant.timeToLive());
    assertEquals(
        Map.of(
            "kube-subnet-manager", "true",
            "backend-type", "vxlan",
            "backend-data", "{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:00:07\"}",
            "public-ip", "198.18.0.8"),
        annotations("a"));
  }

  @Test
  void writesBothFamilies() throws IOException {
    server.addNode("a", "fd00:244:0:7::/64", "10.244.7.0/24");
    var grant = manager.acquire(request(DUAL, "a", Nodes.dualAttributes(7)));

    assertEquals("10.244.7.0/24 fd00:244:0:7::/64", grant.lease().subnets().toString());
    assertEquals("2001:db8::8", annotations("a").get("public-ipv6"));
    assertEquals(Nodes.data(8), annotations("a").get("backend-v6-data"));
  }

  /** Section 4.4: backends other than vxlan always write the IPv4 pair. */
  @Test
  void writesNullWhereABackendHasNoData() throws IOException {
    var v6 = NetworkConfig.parse(
        "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:244::/48\",\"Backend\":{\"Type\":\"host-gw\"}}");
    server.addNode("a", "fd00:244:0:7::/64");
    var grant = manager.acquire(request(
        v6,
        "a",
        LeaseAttributes.of(
            "host-gw", Map.of(IpFamily.V6, IpAddress.parse("2001:db8::7")), Map.of())));

    assertEquals("fd00:244:0:7::/64", grant.lease().subnets().toString());
    assertEquals(
        Map.of(
            "kube-subnet-manager", "true",
            "backend-type", "host-gw",
            "backend-data", "null",
            "public-ip", "0.0.0.0",
            "backend-v6-data", "null",
            "public-ipv6", "2001:db8::7"),
        annotations("a"));
  }

  @Test
  void aBackendWithoutANameIsAnEmptyType() throws IOException {
    server.addNode("a", "10.244.7.0/24");
    manager.acquire(
        request(V4, "a", LeaseAttributes.of("", Map.of(IpFamily.V4, Nodes.publicIp(7)), Map.of())));

    assertEquals("", annotations("a").get("backend-type"));
    assertEquals("null", annotations("a").get("backend-data"));
  }

  @Test
  void removesWhatAnEarlierConfigurationPublished() throws IOException {
    server.addNode("a", "10.244.7.0/24", "fd00:244:0:7::/64");
    manager.acquire(request(DUAL, "a", Nodes.dualAttributes(7)));
    var grant = manager.acquire(request(V4, "a", attributes(7)));

    assertEquals("10.244.7.0/24", grant.lease().subnets().toString());
    assertNull(annotations("a").get("public-ipv6"));
  }

  @Test
  void writesOnlyWhatDiffers() throws IOException {
    server.addNode("a", Nodes.annotations(7), "10.244.7.0/24");
    long before = server.revision();
    manager.acquire(request(V4, "a", attributes(7)));

    assertEquals(before, server.revision());
    assertTrue(server.calls().stream().noneMatch(call -> call.verb().equals("patch")));
  }

  @Test
  void publishesTheOverwrittenAddress() throws IOException {
    server.addNode("a", Map.of(PREFIX + "public-ip-overwrite", "203.0.113.9"), "10.244.7.0/24");
    var grant = manager.acquire(request(V4, "a", attributes(7)));
    manager.renew(grant.lease(), attributes(7));

    assertEquals("203.0.113.9", annotations("a").get("public-ip"));
  }

  @Test
  void readsTheAddressesThatTheNodeWantsPublished() throws IOException {
    server.addNode(
        "a",
        Map.of(
            PREFIX + "node-public-ip", "203.0.113.9", PREFIX + "node-public-ipv6", "2001:db8::9"),
        "10.244.7.0/24");

    assertEquals(
        Map.of(
            IpFamily.V4,
            IpAddress.parse("203.0.113.9"),
            IpFamily.V6,
            IpAddress.parse("2001:db8::9")),
        manager.publicIps("a"));
    server.annotate("a", PREFIX + "node-public-ip", "elsewhere");
    assertThrows(IOException.class, () -> manager.publicIps("a"));
  }

  @Test
  void networksWithPrefixesOfTheirOwnShareTheNodesAndOneWatch() throws Exception {
    server.addNode("a", "10.244.7.0/24");
    server.addNode("b", "10.244.8.0/24");
    manager.acquire(request(V4, "a", attributes(7)));
    var flannels = new WatchedLeases();
    manager.watch(flannels);
    flannels.awaitSnapshot();
    try (var other = KubernetesSubnetManager.over(cluster, "example.com/blue")) {
      other.acquire(request(V4, "b", attributes(8)));
      var blues = new WatchedLeases();
      other.watch(blues);
      blues.awaitSnapshot();

      assertEquals("true", server.annotations("b").get("example.com/blue-kube-subnet-manager"));
      assertEquals("[10.244.7.0/24]", flannels.leases().keySet().toString());
      assertEquals("[10.244.8.0/24]", blues.leases().keySet().toString());
      flannels.await(() -> {
        // By writing the server finds out which watches have ended.
        server.bookmark();
        return server.watchCount() == 1;
      });
      assertNull(flannels.failure());
    }
  }

  @Test
  void triesAgainWhenTheKubeletWroteInBetween() throws IOException {
    server.addNode("a", "10.244.7.0/24");
    server.refuse(call -> call.verb().equals("patch"), 3, 409);
    manager.acquire(request(V4, "a", attributes(7)));

    assertEquals("198.18.0.8", annotations("a").get("public-ip"));
  }

  @Test
  void aNodeThatWasCreatedAnewHasLostItsLease() throws Exception {
    server.addNode("a", "10.244.7.0/24");
    var lease = manager.acquire(request(V4, "a", attributes(7))).lease();
    server.deleteNode("a");
    assertThrows(LeaseLostException.class, () -> manager.renew(lease, attributes(7)));
    server.addNode("a", "10.244.9.0/24");
    assertThrows(LeaseLostException.class, () -> manager.renew(lease, attributes(7)));
    manager.release(lease);

    assertEquals(
        "10.244.9.0/24",
        manager.acquire(request(V4, "a", attributes(7))).lease().subnets().toString());
  }

  @Test
  void saysThatAnotherProcessPublishesForTheNode() throws IOException {
    server.addNode("a", "10.244.7.0/24");
    var lease = manager.acquire(request(V4, "a", attributes(7))).lease();
    server.annotate("a", PREFIX + "backend-data", Nodes.data(99));

    var refusal = assertThrows(LeaseLostException.class, () -> manager.renew(lease, attributes(7)));
    assertTrue(String.valueOf(refusal.getMessage()).contains("another process"));
  }

  @Test
  void saysWhatIsWrongWithASubnet() throws IOException {
    server.addNode("none");
    server.addNode("outside", "10.9.7.0/24");
    server.addNode("single", "10.244.7.0/24");
    var none =
        assertThrows(IOException.class, () -> manager.acquire(request(V4, "none", attributes(1))));
    var outside = assertThrows(
        NoFreeSubnetException.class, () -> manager.acquire(request(V4, "outside", attributes(1))));
    var single = assertThrows(
        IOException.class, () -> manager.acquire(request(DUAL, "single", Nodes.dualAttributes(1))));
    var absent = assertThrows(
        IOException.class, () -> manager.acquire(request(V4, "absent", attributes(1))));

    assertTrue(String.valueOf(none.getMessage()).contains("--allocate-node-cidrs"));
    assertTrue(String.valueOf(outside.getMessage()).contains("outside the network 10.244.0.0/16"));
    assertTrue(String.valueOf(single.getMessage()).contains("no podCIDR of IPv6"));
    assertTrue(String.valueOf(absent.getMessage()).contains("NODE_NAME"));
  }

  /** A machine that replaces a dead one often has its address, before the dead one's Node is deleted. */
  @Test
  void takesTheAddressOfANodeThatIsNotReady() throws IOException {
    server.addNode("dead", Nodes.annotations(7), "10.244.7.0/24");
    server.addNode("a", "10.244.8.0/24");
    assertThrows(
        PublicIpInUseException.class, () -> manager.acquire(request(V4, "a", attributes(7))));
    var watched = new WatchedLeases();
    manager.watch(watched);
    server.setCondition("dead", "Ready", "Unknown");
    server.addNode("later", Nodes.annotations(9), "10.244.9.0/24");
    assertTrue(!watchedUntil(watched, "10.244.9.0/24").isEmpty());

    manager.acquire(request(V4, "a", attributes(7)));
  }

  private static List<String> watchedUntil(WatchedLeases watched, String subnet) {
    try {
      watched.await(() -> watched.leases().containsKey(subnet));
      return List.copyOf(watched.leases().keySet());
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void subnetLengthsFollowFromThePodCidr() throws IOException {
    server.addNode("a", "10.244.7.128/25", "fd00:244:0:7::/80");
    var config = manager.config(
        "{\"Network\":\"10.244.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:244::/48\",\"subnetlen\":99,\"SubnetMin\":\"192.0.2.1\"}",
        "a");

    assertEquals(Map.of(IpFamily.V4, 25, IpFamily.V6, 80), config.subnetLengths());
    assertThrows(IllegalArgumentException.class, () -> manager.config("{", "a"));
  }

  /** WEAK-13 of flannel: it tries once. */
  @Test
  void setsTheConditionUntilItIsSet() throws Exception {
    server.addNode("a", "10.244.7.0/24");
    server.setCondition("a", "NetworkUnavailable", "True");
    var lease = manager.acquire(request(V4, "a", attributes(7))).lease();
    server.refuse(call -> call.verb().equals("patch"), 2, 500);
    manager.setNetworkAvailable(lease);

    new WatchedLeases().await(() -> "False".equals(condition("a").get("status")));
    assertEquals("FlannelIsUp", condition("a").get("reason"));
    assertTrue(String.valueOf(condition("a").get("lastTransitionTime"))
        .matches("20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"));
    assertEquals("True", server.conditionOf("a", "Ready").get("status"));
  }

  private Map<String, String> condition(String node) {
    return server.conditionOf(node, "NetworkUnavailable");
  }

  @Test
  void findsItsNodeByNameOrByPod() throws IOException {
    server.addPod("kube-flannel", "kube-flannel-ds-abcde", "a");

    assertEquals("x", cluster.nodeName(Map.of("NODE_NAME", "x", "POD_NAME", "y")));
    assertEquals(
        "a",
        cluster.nodeName(
            Map.of("POD_NAME", "kube-flannel-ds-abcde", "POD_NAMESPACE", "kube-flannel")));
    assertThrows(IOException.class, () -> cluster.nodeName(Map.of("POD_NAME", "y")));
    assertThrows(
        IOException.class,
        () -> cluster.nodeName(Map.of("POD_NAME", "y", "POD_NAMESPACE", "kube-flannel")));
  }
}
