package io.jaconet.vxlan;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jaconet.Drift;
import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState.Phase;
import io.jaconet.NetworkStats.Counter;
import io.jaconet.OverlayNetwork;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.testkit.FakeSubnetManager;
import io.jaconet.testkit.InNetworkNamespace;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * T01, T10, I4, I5 and I6: every kind of damage to every kind of object is mended because it is announced, with few writes, and everything of
 * others is as it was. Audits come once an hour here. iproute2 does the damage, and looks.
 */
@InNetworkNamespace
class RepairTest {
  private static final String DUAL = "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\","
      + "\"IPv6Network\":\"fd00:244::/48\",\"Backend\":{\"Type\":\"vxlan\"}}";
  private static final Duration LIMIT = Duration.ofSeconds(5);
  private static final int PEERS = 9;

  /** A damage per line: how many objects it breaks ("all": the link and what hangs on it), and the command. */
  private static final String DAMAGE = """
      all  ip link del DEV
      all  ip link set DEV down
      all  ip link set DEV down; ip link set DEV up
      all  ip link set DEV address 02:11:22:33:44:55
      1    ip link set DEV mtu 1300
      1    ip link set DEV name other0
      1    ip link set DEV type vxlan id 1 LOCAL learning
      all  ip link del DEV; ip link add DEV type vxlan id 77 dstport 4789
      all  ip FAM addr del OWN dev DEV
      all  ip FAM addr flush dev DEV scope global
      all  ip FAM addr del OWN dev DEV; ip FAM addr add WIDE dev DEV
      1    ip FAM addr add SECOND dev DEV
      1    ip FAM route del P1
      2    ip FAM route del P1; ip FAM route del P2
      1    ip FAM route replace P3 via ROUTER dev eth0 METRIC
      1    ip FAM route del P4; ip FAM route add P4 via ROUTER dev eth0 METRIC
      1    ip FAM route change P5 via ROUTER dev eth0 proto 74 METRIC
      1    ip FAM route replace blackhole P6 METRIC
      1    ip FAM route add P7 via G7 dev DEV onlink proto 74 metric 50
      1    ip FAM route add P99 via G7 dev DEV onlink proto 74
      all  ip FAM route flush proto 74
      1    ip FAM neigh del G1 dev DEV
      1    ip FAM neigh replace G2 lladdr 02:99:00:00:00:01 dev DEV nud permanent
      1    ip FAM neigh change G3 lladdr 02:99:00:00:00:01 dev DEV nud stale
      1    ip FAM neigh add G99 lladdr 02:99:00:00:00:01 dev DEV nud permanent
      all  ip FAM neigh flush dev DEV nud permanent
      1    bridge fdb del MAC1 dev DEV
      1    bridge fdb replace MAC2 dev DEV dst ROUTER self permanent
      1    bridge fdb replace MAC3 dev DEV dst ROUTER self dynamic
      1    bridge fdb add 02:99:00:00:00:01 dev DEV dst ROUTER self permanent
      all  for m in MACS; do bridge fdb del $m dev DEV; done
      2    ip nexthop del id NH1
      1    ip nexthop replace id NH2 via G99 dev DEV onlink
      1    ip nexthop replace id NH3 blackhole
      1    ip nexthop add id 4711 via G4 dev DEV onlink proto 74
      all  ip nexthop flush proto 74
      """;

  private final BlockingQueue<Drift> drifts = new LinkedBlockingQueue<>();

  private OverlayNetwork join(KernelHost host) throws Exception {
    var leases = new FakeSubnetManager(null);
    for (int n = 1; n <= PEERS; n++) {
      var peer = host.peer(n);
      leases.put(peer.subnets(), peer.attributes(), "node-" + n);
    }
    return Jaconet.builder()
        .nodeId("node-a")
        .config(host.config())
        .backendProvider(new VxlanBackendProvider())
        .underlay(UnderlaySelection.ofInterface("eth0"))
        .namespace(host.path())
        .subnetManager(leases)
        .previousSubnets(host.peer(0).subnets())
        .auditInterval(Duration.ofHours(1))
        .listener(new NetworkListener() {
          @Override
          public void onDrift(Drift drift) {
            drifts.add(drift);
          }
        })
        .join()
        .get(30, TimeUnit.SECONDS);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void everyDamageToEveryObjectIsMendedWhenItIsAnnounced(IpFamily family) throws Exception {
    try (var host = new KernelHost(NetworkConfig.parse(DUAL))) {
      plantForeign(host);
      var network = join(host);
      List<String> wrong = new ArrayList<>();
      for (String line : DAMAGE.lines().toList()) {
        var words = line.split(" +", 2);
        var command = command(words[1], family, host);
        String before = snapshot(host);
        long writesBefore = network.stats().get(Counter.KERNEL_WRITES);
        drifts.clear();

        String output = host.run("sh", "-c", command);
        String after = awaitEqual(before, host);

        long writes = network.stats().get(Counter.KERNEL_WRITES) - writesBefore;
        if (!output.isEmpty() && !output.startsWith("Flushed")) {
          wrong.add(command + " says " + output);
        } else if (!after.equals(before)) {
          wrong.add(command + " leaves\n" + difference(before, after));
        } else if (drifts.poll(LIMIT.toSeconds(), TimeUnit.SECONDS) == null) {
          wrong.add(command + " was not told of");
        } else if (!words[0].equals("all") && writes > 3 * Long.parseLong(words[0])) {
          wrong.add(command + " took " + writes + " writes");
        }
      }
      var state = network.state();
      network.close(CloseMode.PURGE);

      assertEquals("", String.join("\n", wrong));
      assertEquals(Phase.UP, state.phase(), state.reason());
    }
  }

  private static void plantForeign(KernelHost host) throws IOException {
    host.run(
        "sh",
        "-c",
        "ip route add 10.244.200.0/24 via 192.0.2.254; ip route add 198.51.100.0/24 via 192.0.2.254 proto 74;"
            + " ip neigh add 192.0.2.77 lladdr 02:77:00:00:00:01 dev eth0 nud permanent;"
            + " ip nexthop add id 5 via 192.0.2.254 dev eth0; ip link add flannel.9 type vxlan id 9 dstport 4790;"
            + " bridge fdb add 02:77:00:00:00:02 dev flannel.9 dst 192.0.2.78; ip link add br0 type bridge;"
            + " ip -6 route add 2001:db8:77::/64 via 2001:db8::fe dev eth0");
  }

  /** Puts names and numbers of {@code family} into a command. */
  private static String command(String template, IpFamily family, KernelHost host)
      throws IOException {
    boolean v4 = family == IpFamily.V4;
    String device = v4 ? "flannel.1" : "flannel-v6.1";
    String text = template
        .replace("DEV", device)
        .replace("FAM", v4 ? "-4" : "-6")
        .replace("ROUTER", v4 ? "192.0.2.254" : "2001:db8::fe")
        .replace("METRIC", v4 ? "" : "metric 1024")
        .replace("OWN", v4 ? "10.244.0.0/32" : "fd00:244::/128")
        .replace("WIDE", v4 ? "10.244.0.0/24" : "fd00:244::/64")
        .replace("SECOND", v4 ? "10.244.0.9/32" : "fd00:244::9/128");
    var macs = new StringBuilder();
    for (int n : new int[] {99, 9, 8, 7, 6, 5, 4, 3, 2, 1}) {
      String base = v4 ? "10.244." + n + ".0" : "fd00:244:0:" + n + "::";
      var data = host.peer(n).attributes().backendData(family).orElseThrow();
      String mac = VtepData.parse(data).mac().toString();
      if (n != 99) {
        macs.append(mac).append(' ');
      }
      text = text.replace("P" + n + " ", base + (v4 ? "/24 " : "/64 "))
          .replaceAll("P" + n + "(;|$)", base + (v4 ? "/24" : "/64") + "$1")
          .replaceAll("G" + n + "\\b", base)
          .replaceAll("MAC" + n + "\\b", mac)
          .replace("NH" + n, nexthop(host, base));
    }
    return text.replace("MACS", macs);
  }

  private static String nexthop(KernelHost host, String gateway) throws IOException {
    return host.run("ip", "nexthop")
        .lines()
        .filter(line -> line.contains("via " + gateway + " "))
        .map(line -> line.split(" ", 3)[1])
        .findFirst()
        .orElse("0");
  }

  private String awaitEqual(String wanted, KernelHost host) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    String now = snapshot(host);
    while (!now.equals(wanted) && System.nanoTime() < end) {
      // What is mended in one go is told one by one: the first is left for the caller to see.
      var unused = drifts.peek() == null ? drifts.poll(50, TimeUnit.MILLISECONDS) : null;
      if (unused != null) {
        drifts.add(unused);
      }
      now = snapshot(host);
    }
    return now;
  }

  private static String difference(String before, String after) {
    var lost = new ArrayList<>(before.lines().toList());
    var come = new ArrayList<>(after.lines().toList());
    after.lines().forEach(lost::remove);
    before.lines().forEach(come::remove);
    return "- " + lost + "\n+ " + come;
  }

  private static String snapshot(KernelHost host) throws IOException {
    var all = host.run(
        "sh",
        "-c",
        "ip -d -o link; ip -o addr; ip -4 route show table all; ip -6 route show table all; ip neigh; ip nexthop; bridge fdb show dev eth0;"
            + " bridge fdb show dev flannel.1; bridge fdb show dev flannel-v6.1");
    return all.lines()
        // A device that was made anew has another index.
        .map(line -> line.replaceAll("^[0-9]+: ", "").replaceAll("@if[0-9]+|@eth0", ""))
        .map(line -> line.replaceAll(" (pref medium|valid_lft \\S+|preferred_lft \\S+)", ""))
        .sorted()
        .reduce("", (text, line) -> text + line + "\n");
  }
}
