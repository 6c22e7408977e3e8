package io.jaconet.flanneld;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.SubnetEnv;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.Workload;
import io.jaconet.testkit.kubernetes.ApiServer;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The real program on two hosts, with an API server at the switch between them. */
@InNetworkNamespace
@Timeout(120)
class KubernetesDaemonTest {
  private static final String PREFIX = "flannel.alpha.coreos.com/";
  private static final String SWITCH = "192.0.2.254";
  private static final Duration LIMIT = Duration.ofSeconds(20);

  @TempDir
  private Path directory;

  private final Fabric fabric;
  private final ApiServer server;
  private final List<DaemonProcess> daemons = new ArrayList<>();

  KubernetesDaemonTest() throws IOException {
    fabric = Fabric.builder().prefix("fk" + ProcessHandle.current().pid() + "-").create();
    server =
        fabric.world().namespace().call(() -> ApiServer.start(InetAddress.getByName(SWITCH), null));
  }

  @BeforeEach
  void addNodes() throws IOException {
    Files.writeString(
        directory.resolve("net-conf.json"),
        "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\"}}");
    server.addNode(node(1), "10.244.1.0/24");
    server.addNode(node(2), "10.244.2.0/24");
  }

  @AfterEach
  void removeAll() throws IOException {
    daemons.forEach(DaemonProcess::close);
    server.close();
    fabric.close();
  }

  private String node(int n) {
    return fabric.host(n).name();
  }

  private Path subnetFile(Host host) {
    return directory.resolve(host.name() + ".env");
  }

  private DaemonProcess start(Host host, Map<String, String> environment) throws IOException {
    return start(host, environment, "--kube-api-url=" + server.url());
  }

  private DaemonProcess start(Host host, Map<String, String> environment, String access)
      throws IOException {
    var daemon = DaemonProcess.start(
        host.namespace(),
        environment,
        "--kube-subnet-mgr",
        access,
        "--net-config-path=" + directory.resolve("net-conf.json"),
        "--subnet-file=" + subnetFile(host),
        "--healthz-port=" + Probe.PORT,
        "--ip-masq");
    daemons.add(daemon);
    return daemon;
  }

  private DaemonProcess start(Host host) throws IOException {
    return start(host, Map.of("NODE_NAME", host.name()));
  }

  private Workload attachWorkload(Host host) throws IOException {
    var env = SubnetEnv.read(subnetFile(host));
    return host.attachWorkload(env.mtu(), env.subnets().values().toArray(IpPrefix[]::new));
  }

  private static void await(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, what);
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
  }

  private static void awaitText(Host host, String text, String... command) {
    await(text, () -> {
      try {
        return host.run(command).output().contains(text);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    });
  }

  @Test
  void workloadsOfTwoNodesTalkInTheSubnetsThatTheClusterGave() throws Exception {
    start(fabric.host(1)).await("joined with 10.244.1.0/24");
    start(fabric.host(2)).await("joined with 10.244.2.0/24");
    for (var host : fabric.hosts()) {
      Probe.of(host).await("/readyz", "flanneld is ready", LIMIT);
      await(
          "the condition",
          () -> "False"
              .equals(server.conditionOf(host.name(), "NetworkUnavailable").get("status")));
    }
    var one = attachWorkload(fabric.host(1));
    var other = attachWorkload(fabric.host(2));

    one.awaitAnswerFrom(other.address(IpFamily.V4));
    other.awaitAnswerFrom(one.address(IpFamily.V4));
    assertEquals("192.0.2.1", server.annotations(node(1)).get(PREFIX + "public-ip"));
  }

  @Test
  void aNodeOfAFlanneldBecomesAPeerAndStopsBeingOne() throws Exception {
    var host = fabric.host(1);
    start(host).await("joined with");
    server.addNode(
        "flannel",
        Map.of(
            PREFIX + "kube-subnet-manager", "true",
            PREFIX + "backend-type", "vxlan",
            PREFIX + "backend-data", "{\"VNI\":1,\"VtepMAC\":\"6e:2a:d9:f9:c7:5e\"}",
            PREFIX + "public-ip", "192.0.2.2"),
        "10.244.77.0/24");
    awaitText(host, "10.244.77.0 dev flannel.1 lladdr 6e:2a:d9:f9:c7:5e", "ip", "neigh");
    awaitText(host, "6e:2a:d9:f9:c7:5e dst 192.0.2.2", "bridge", "fdb", "show", "dev", "flannel.1");
    awaitText(host, "10.244.77.0 dev flannel.1", "ip", "route", "get", "10.244.77.9");

    server.deleteNode("flannel");
    await("no neighbor", () -> {
      try {
        return !host.run("ip", "neigh").output().contains("10.244.77.0");
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    });
  }

  @Test
  void findsItsNodeByItsPodAndPublishesWhatTheNodeWants() throws Exception {
    server.addPod("kube-flannel", "kube-flannel-ds-x", node(1));
    server.annotate(node(1), PREFIX + "node-public-ip", "192.0.2.1");
    server.annotate(node(1), PREFIX + "public-ip-overwrite", "203.0.113.7");
    server.requireToken("sesame");
    var kubeconfig =
        Files.writeString(directory.resolve("kubeconfig"), """
        current-context: here
        contexts: [{name: here, context: {cluster: it, user: me}}]
        clusters: [{name: it, cluster: {server: "%s"}}]
        users: [{name: me, user: {token: sesame}}]
        """.formatted(server.url()));
    start(
            fabric.host(1),
            Map.of("POD_NAME", "kube-flannel-ds-x", "POD_NAMESPACE", "kube-flannel"),
            "--kubeconfig-file=" + kubeconfig)
        .await("joined with 10.244.1.0/24");

    assertEquals("203.0.113.7", server.annotations(node(1)).get(PREFIX + "public-ip"));
  }

  @Test
  void trafficGoesOnWithoutAnApiServerAndTheDaemonSaysSo() throws Exception {
    var host = fabric.host(1);
    start(host).await("joined with");
    start(fabric.host(2)).await("joined with");
    Probe.of(host).await("/readyz", "flanneld is ready", LIMIT);
    var one = attachWorkload(fabric.host(1));
    var other = attachWorkload(fabric.host(2));
    one.awaitAnswerFrom(other.address(IpFamily.V4));

    server.stop();
    Probe.of(host).await("/readyz", "STALE", Duration.ofSeconds(15));
    one.awaitAnswerFrom(other.address(IpFamily.V4));
    fabric.world().namespace().run(server::resume);
    Probe.of(host).await("/readyz", "flanneld is ready", Duration.ofSeconds(3));
  }

  /** The Node is the same and has the same podCIDR, so the subnet still is this host's. */
  @Test
  void publishesAnewWhatSomebodyEditedByHand() throws Exception {
    var daemon = start(fabric.host(1));
    daemon.await("joined with");
    start(fabric.host(2)).await("joined with");
    var one = attachWorkload(fabric.host(1));
    var other = attachWorkload(fabric.host(2));
    one.awaitAnswerFrom(other.address(IpFamily.V4));
    var written = server.annotations(node(1));

    server.annotate(node(1), PREFIX + "public-ip", "198.51.100.9");
    daemon.await("another process on the node " + node(1) + " publishes");
    daemon.await("holds 10.244.1.0/24");

    assertEquals(written, server.annotations(node(1)));
    one.awaitAnswerFrom(other.address(IpFamily.V4));
    Probe.of(fabric.host(1)).await("/readyz", "flanneld is ready", LIMIT);
  }

  @Test
  void waitsForAPodCidrAndSaysSo() throws Exception {
    server.deleteNode(node(1));
    server.addNode(node(1));
    var daemon = start(fabric.host(1));
    daemon.await("--allocate-node-cidrs");
    assertFalse(Files.exists(subnetFile(fabric.host(1))));
    server.deleteNode(node(1));
    server.addNode(node(1), "10.244.9.0/24");

    daemon.await("joined with 10.244.9.0/24");
  }
}
