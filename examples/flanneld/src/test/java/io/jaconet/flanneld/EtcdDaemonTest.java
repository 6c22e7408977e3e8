package io.jaconet.flanneld;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.SubnetEnv;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The real program on two hosts, with a real etcd at the switch between them. */
@InNetworkNamespace
@Timeout(120)
class EtcdDaemonTest {
  private static final String NETWORK = "/coreos.com/network";
  private static final String VXLAN =
      "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\"}}";
  private static final String SWITCH = "192.0.2.254";
  private static final Duration LIMIT = Duration.ofSeconds(20);

  @TempDir
  private Path directory;

  private final Fabric fabric;
  private final EtcdServer etcd;
  private final List<DaemonProcess> daemons = new ArrayList<>();

  EtcdDaemonTest() throws IOException {
    fabric = Fabric.builder().prefix("fe" + ProcessHandle.current().pid() + "-").create();
    etcd = EtcdServer.builder().at(fabric.world(), SWITCH).start();
  }

  @BeforeEach
  void writeConfig() throws IOException {
    etcd.ctl("put", NETWORK + "/config", VXLAN);
  }

  @AfterEach
  void removeAll() throws IOException {
    daemons.forEach(DaemonProcess::close);
    etcd.close();
    fabric.close();
  }

  private Path subnetFile(Host host) {
    return directory.resolve(host.name() + ".env");
  }

  private DaemonProcess start(Host host, Map<String, String> environment, String... more)
      throws IOException {
    var arguments = ImmutableList.<String>builder()
        .add("--subnet-file=" + subnetFile(host))
        .add("--healthz-port=" + Probe.PORT)
        .add(more)
        .build();
    var all = new HashMap<>(environment);
    all.put("NODE_NAME", host.name());
    var daemon = DaemonProcess.start(host.namespace(), all, arguments.toArray(String[]::new));
    daemons.add(daemon);
    return daemon;
  }

  private DaemonProcess start(Host host, String... more) throws IOException {
    return start(host, Map.of("FLANNELD_ETCD_ENDPOINTS", etcd.endpoint()), more);
  }

  /** Does what a container runtime does: all that it knows of the overlay is in the file. */
  private Workload attachWorkload(Host host) throws IOException {
    var env = SubnetEnv.read(subnetFile(host));
    return host.attachWorkload(env.mtu(), env.subnets().values().toArray(IpPrefix[]::new));
  }

  @Test
  void workloadsOfTwoHostsTalkAndTheWorldSeesTheHost() throws Exception {
    start(fabric.host(1), "--ip-masq").await("joined with 10.244.");
    start(fabric.host(2), "--ip-masq").await("joined with 10.244.");
    for (var host : fabric.hosts()) {
      Probe.of(host).await("/readyz", "flanneld is ready", LIMIT);
    }
    var one = attachWorkload(fabric.host(1));
    var other = attachWorkload(fabric.host(2));

    one.awaitAnswerFrom(other.address(IpFamily.V4));
    other.awaitAnswerFrom(one.address(IpFamily.V4));
    // Who is outside knows no overlay, and answers only to a host's address.
    one.awaitAnswerFrom(fabric.attachOutsider().address(IpFamily.V4));
    assertTrue(Files.readString(subnetFile(fabric.host(1))).endsWith("FLANNEL_IPMASQ=true\n"));
  }

  @Test
  void theRulesAreFlannelsAndOnlyThoseThatWereAskedFor() throws Exception {
    var host = fabric.host(1);
    start(host, "--iptables-resync=1", "--ip-blackhole-route");
    Probe.of(host).await("/readyz", "flanneld is ready", LIMIT);

    var filter = host.run("iptables-save", "-t", "filter").output();
    var nat = host.run("iptables-save", "-t", "nat").output();
    assertTrue(
        filter.contains("-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment \"flanneld forward\""
            + " -j ACCEPT"),
        filter);
    assertFalse(nat.contains("FLANNEL"), nat);
    var routes = host.run("ip", "route", "show", "type", "blackhole").output();
    assertTrue(routes.startsWith("blackhole 10.244."), routes);
  }

  @Test
  void rulesGoToNftablesWhereTheConfigurationSaysSo() throws Exception {
    etcd.ctl("put", NETWORK + "/config", VXLAN.replaceFirst("\\{", "{\"EnableNFTables\":true,"));
    var host = fabric.host(1);
    start(host, "--ip-masq", "--ip-masq-fully-random-disable");
    Probe.of(host).await("/readyz", "flanneld is ready", LIMIT);

    var rules = host.run("nft", "list", "table", "ip", "flannel-ipv4").output();
    assertTrue(rules.contains("masquerade"), rules);
    assertFalse(rules.contains("fully-random"), rules);
    assertFalse(host.run("iptables-save").output().contains("FLANNEL"));
  }

  /** Both families, and what stands in the file to the byte. */
  @Test
  void theFileOfADualStackHostIsFlannels() throws Exception {
    etcd.ctl(
        "put",
        NETWORK + "/config",
        "{\"Network\":\"10.55.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd55::/48\",\"Backend\":{\"Type\":\"vxlan\"}}");
    etcd.ctl(
        "put",
        NETWORK + "/subnets/10.55.9.0-24&fd55:0:0:4::-64",
        "{\"PublicIP\":\"192.0.2.1\",\"PublicIPv6\":\"2001:db8::1\",\"BackendType\":\"vxlan\"}");
    start(fabric.host(1), "--ip-masq").await("joined with");

    assertEquals("""
        FLANNEL_NETWORK=10.55.0.0/16
        FLANNEL_SUBNET=10.55.9.1/24
        FLANNEL_IPV6_NETWORK=fd55::/48
        FLANNEL_IPV6_SUBNET=fd55:0:0:4::1/64
        FLANNEL_MTU=1430
        FLANNEL_IPMASQ=true
        """, Files.readString(subnetFile(fabric.host(1))));
  }

  @Test
  void aRecordOfAFlanneldBecomesAPeer() throws Exception {
    var host = fabric.host(1);
    start(host).await("joined with");
    etcd.ctl(
        "put",
        NETWORK + "/subnets/10.244.77.0-24",
        "{\"PublicIP\":\"192.0.2.2\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\",\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"6e:2a:d9:f9:c7:5e\"}}");
    awaitText(host, "10.244.77.0 dev flannel.1 lladdr 6e:2a:d9:f9:c7:5e", "ip", "neigh");

    awaitText(host, "6e:2a:d9:f9:c7:5e dst 192.0.2.2", "bridge", "fdb", "show", "dev", "flannel.1");
    awaitText(host, "10.244.77.0 dev flannel.1", "ip", "route", "get", "10.244.77.9");
    etcd.ctl("del", NETWORK + "/subnets/10.244.77.0-24");
    awaitText(host, "Deleted", "sh", "-c", "ip route | grep -q 10.244.77 || echo Deleted");
  }

  private static void awaitText(Host host, String text, String... command) throws IOException {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    var output = host.run(command).output();
    while (!output.contains(text)) {
      assertTrue(System.nanoTime() < deadline, output);
      output = host.run(command).output();
    }
  }

  @Test
  void waitsForTheConfigurationAndSaysSo() throws Exception {
    etcd.ctl("put", NETWORK + "/config", "{\"Network\":");
    var host = fabric.host(1);
    var daemon = start(host);

    Probe.of(host).await("/readyz", "/coreos.com/network/config: ", LIMIT);
    etcd.ctl("del", NETWORK + "/config");
    Probe.of(host).await("/readyz", "etcd has no configuration of the network", LIMIT);
    assertTrue(Probe.of(host).get("/readyz").startsWith("HTTP/1.1 503 "));
    assertTrue(Probe.of(host).get("/healthz").startsWith("HTTP/1.1 200 "));
    etcd.ctl("put", NETWORK + "/config", VXLAN);
    daemon.await("joined with 10.244.");
    daemon.signal("TERM");
    assertEquals(0, daemon.status());
    var output = daemon.output();
    assertEquals(1, output.lines().filter(line -> line.contains("waits:")).count(), output);
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://192.0.2.254:9", "http://192.0.2.77:2379"})
  void whileEtcdDoesNotAnswerASignalEndsItAtOnce(String endpoint) throws Exception {
    var host = fabric.host(1);
    var daemon = start(host, Map.of(), "--etcd-endpoints=" + endpoint);
    Probe.of(host).await("/readyz", "cannot be read: ", LIMIT);

    long start = System.nanoTime();
    daemon.signal("TERM");

    assertEquals(0, daemon.status());
    assertTrue(Duration.ofNanos(System.nanoTime() - start).toSeconds() < 5);
  }

  /** T18, I12: what stands goes on, nothing is green that is not, and all is well again by itself. */
  @Test
  void withoutEtcdTrafficGoesOnAndTheStateIsStale() throws Exception {
    var daemon = start(fabric.host(1));
    daemon.await("joined with");
    start(fabric.host(2)).await("joined with");
    var one = attachWorkload(fabric.host(1));
    var other = attachWorkload(fabric.host(2));
    one.awaitAnswerFrom(other.address(IpFamily.V4));
    var probe = Probe.of(fabric.host(1));

    etcd.kill();
    probe.await("/readyz", "the network is STALE since", Duration.ofSeconds(15));
    assertTrue(probe.get("/readyz").startsWith("HTTP/1.1 503 "));
    assertTrue(probe.get("/healthz").startsWith("HTTP/1.1 200 "));
    assertTrue(one.ping(other.address(IpFamily.V4), 5).output().contains(" 0% packet loss"));
    etcd.run();
    etcd.awaitReady();
    probe.await("/readyz", "flanneld is ready", LIMIT);
    daemon.signal("TERM");
    assertEquals(0, daemon.status());

    var output = daemon.output();
    assertEquals(
        1, output.lines().filter(line -> line.contains("flanneld: STALE")).count(), output);
    assertTrue(output.lines().count() <= 16, output);
  }

  @Test
  void neitherPasswordNorKeyIsEverPrinted() throws Exception {
    var key = directory.resolve("client.key");
    var secret = "c2VjcmV0c2VjcmV0c2VjcmV0";
    Files.writeString(key, "-----BEGIN PRIVATE KEY-----\n" + secret + "\n");
    etcd.ctl("user", "add", "root:root-password");
    etcd.ctl("user", "grant-role", "root", "root");
    etcd.ctl("auth", "enable");
    var host = fabric.host(1);
    var endpoint = "--etcd-endpoints=" + etcd.endpoint();

    var impostor =
        start(host, Map.of(), "-v=1", endpoint, "--etcd-username=root", "--etcd-password=hunter2");
    Probe.of(host).await("/readyz", "authentication failed", LIMIT);
    impostor.close();
    var unreadable = start(
        host,
        Map.of(),
        "-v=1",
        "--etcd-endpoints=" + etcd.endpoint().replace("http:", "https:"),
        "--etcd-certfile=" + key,
        "--etcd-keyfile=" + key);
    Probe.of(host).await("/readyz", key.toString(), LIMIT);
    unreadable.close();
    var daemon = start(
        host,
        Map.of("FLANNELD_ETCD_PASSWORD", "root-password"),
        "-v=1",
        endpoint,
        "--etcd-username=root");
    daemon.await("joined with");
    daemon.signal("TERM");
    assertEquals(0, daemon.status());

    for (var process : List.of(impostor, unreadable, daemon)) {
      var output = process.output();
      assertFalse(output.contains("hunter2"), output);
      assertFalse(output.contains("root-password"), output);
      assertFalse(output.contains(secret), output);
    }
  }

  @Test
  void anEndpointThatIsNoneIsMisuseAndItsPasswordStaysHidden() throws Exception {
    var daemon = start(fabric.host(1), Map.of(), "--etcd-endpoints=http://u:hunter2@192.0.2.1:1");

    assertEquals(2, daemon.status());
    assertTrue(daemon.output().contains("--etcd-endpoints"), daemon.output());
    assertFalse(daemon.output().contains("hunter2"), daemon.output());
  }
}
