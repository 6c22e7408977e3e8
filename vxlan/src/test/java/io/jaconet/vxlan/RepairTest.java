package io.jaconet.vxlan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.NetworkState.Phase;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.RepairTrial;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** T01, I4, I5 and I6: every kind of damage to every kind of object is mended; T09 and T10: a network follows its underlay. */
@InNetworkNamespace
class RepairTest {
  private static final String DUAL = "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\","
      + "\"IPv6Network\":\"fd00:244::/48\",\"Backend\":{\"Type\":\"vxlan\"}}";
  private static final String V4 =
      "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\"}}";

  /** A damage per line: how many objects it breaks ("all": the link and what hangs on it), and the command. */
  private static final String DAMAGE = """
      all  ip link del DEV
      all  ip link set DEV down
      all  ip link set DEV down; ip link set DEV up
      all  ip link set DEV address 02:11:22:33:44:55
      1    ip link set DEV mtu 1300
      1    ip link set DEV name other0
      1    ip link set DEV type vxlan id 1 learning
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
      all  for r in $(ip FAM route show proto 74 | cut -d' ' -f1); do ip FAM route del $r; done
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
      1    ip FAM nexthop replace id NH2 via G99 dev DEV onlink
      1    ip FAM nexthop replace id NH3 blackhole
      1    ip FAM nexthop add id 4711 via G4 dev DEV onlink proto 74
      all  ip nexthop flush proto 74
      """;

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void everyDamageToEveryObjectIsMendedWhenItIsAnnounced(IpFamily family) throws Exception {
    try (var host = new KernelHost(NetworkConfig.parse(DUAL));
        var trial = RepairTrial.on(host, new VxlanBackendProvider())) {
      var wrong = new StringBuilder();
      for (String line : DAMAGE.lines().toList()) {
        var words = line.split(" +", 2);
        long maxWrites = words[0].equals("all") ? 100 : 3 * Long.parseLong(words[0]);
        wrong.append(trial.damage(command(words[1], family, host), maxWrites));
      }

      assertEquals("", wrong.toString());
      assertTrue(trial.await(() -> trial.network().state().phase() == Phase.UP));
    }
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

  private static String mac(KernelHost host) throws IOException {
    return host.run("ip", "link", "show", "flannel.1")
        .replaceAll("(?s).*link/ether (\\S+).*", "$1");
  }

  /** T09: the peers' way through the device is not touched. */
  @Test
  void followsAnotherAddressWithTheSameDeviceSubnetAndMac() throws Exception {
    try (var host = new KernelHost(NetworkConfig.parse(V4));
        var trial = RepairTrial.on(host, new VxlanBackendProvider())) {
      var network = trial.network();
      var before = network.lease();
      String device = host.run("ip", "-o", "link", "show", "flannel.1").split(":", 2)[0];
      var moved = IpAddress.parse("192.0.2.50");

      host.run("sh", "-c", "ip addr del 192.0.2.1/24 dev eth0; ip addr add 192.0.2.50/24 dev eth0");

      assertTrue(trial.await(
          () -> network.lease().attributes().publicIp(IpFamily.V4).orElseThrow().equals(moved)));
      assertEquals(before.subnets(), network.lease().subnets());
      assertEquals(
          before.attributes().backendData(IpFamily.V4),
          network.lease().attributes().backendData(IpFamily.V4));
      String link = host.run("ip", "-d", "-o", "link", "show", "flannel.1");
      assertTrue(link.startsWith(device + ":") && link.contains("local 192.0.2.50 "), link);
      assertTrue(host.reaches(host.peer(1)));
      assertTrue(trial.await(() -> network.state().phase() == Phase.UP));
    }
  }

  /** T08. */
  @Test
  void followsAnotherMtu() throws Exception {
    try (var host = new KernelHost(NetworkConfig.parse(V4));
        var trial = RepairTrial.on(host, new VxlanBackendProvider())) {
      host.run("ip", "link", "set", "eth0", "mtu", "1400");

      assertTrue(trial.await(() -> trial.network().overlayMtu() == 1350));
      String link = host.run("ip", "link", "show", "flannel.1");
      assertTrue(link.contains("mtu 1350 "), link);
      assertTrue(host.reaches(host.peer(1)));
    }
  }

  /** T10. */
  @Test
  void comesBackWithAnInterfaceThatWasDeletedAndMadeAnew() throws Exception {
    try (var host = new KernelHost(NetworkConfig.parse(V4));
        var trial = RepairTrial.on(host, new VxlanBackendProvider())) {
      var network = trial.network();
      String mac = mac(host);
      for (int round = 0; round < 3; round++) {
        host.run("ip", "link", "del", "eth0");
        assertTrue(trial.await(() -> network.state().phase() == Phase.DEGRADED));
        String reason = network.state().reason();
        host.run(
            "sh",
            "-c",
            "ip link add eth0 type veth peer name wire; ip addr add 192.0.2.1/24 dev eth0; ip link set eth0 up; ip link set wire up");

        assertTrue(trial.await(() -> network.state().phase() == Phase.UP), network.state()::reason);
        assertTrue(reason.contains("eth0"), reason);
        assertEquals(mac, mac(host));
        assertTrue(host.reaches(host.peer(9)));
      }
    }
  }

  private static final String NEW_ETH0 = "ip link add eth0 type veth peer name wire;"
      + " ip addr add 192.0.2.1/24 dev eth0; ip addr add 2001:db8::1/64 dev eth0 nodad;"
      + " ip link set wire up; ip link set eth0 up; ";

  /** T10. */
  @Test
  void outlastsAnInterfaceThatGoesInTheMiddleOfEverything() throws Exception {
    outlastsAnInterfaceThatGoes(5);
  }

  /** T10. */
  @Test
  @Tag("nightly")
  @Timeout(1200)
  void outlastsAnInterfaceThatGoesTwoHundredTimes() throws Exception {
    outlastsAnInterfaceThatGoes(200);
  }

  private static void outlastsAnInterfaceThatGoes(int rounds) throws Exception {
    long seed = new Random().nextLong();
    var random = new Random(seed);
    try (var host = new KernelHost(NetworkConfig.parse(DUAL));
        var trial = RepairTrial.on(host, new VxlanBackendProvider())) {
      long longest = 0;
      for (int round = 0; round < rounds; round++) {
        String whatGoesBefore = switch (random.nextInt(5)) {
          case 0 ->
            "for r in $(ip -4 route show proto 74 | cut -d' ' -f1); do ip -4 route del $r; done 2> /dev/null; ";
          case 1 -> "ip link set eth0 down; ";
          case 2 -> "ip link del flannel.1; ";
          case 3 -> "ip link set eth0 mtu 1400; ";
          default -> "";
        };
        var command = new StringBuilder(whatGoesBefore);
        for (int times = 1 + random.nextInt(3); times > 0; times--) {
          command.append("ip link del eth0; sleep 0.%03d; ".formatted(random.nextInt(300)));
          command.append(NEW_ETH0);
          // Mostly too short for all that is to be made anew.
          command.append(times > 1 ? "sleep 0.%03d; ".formatted(random.nextInt(60)) : "");
        }
        String wrong = trial.outlast(command.toString());
        assertEquals("", wrong, "seed " + seed + ", round " + round);
        longest = Math.max(longest, trial.lastRecovery().toMillis());
      }
      System.out.println(
          "seed " + seed + ": " + rounds + " rounds, whole again after " + longest + " ms at most");
    }
  }

  private static NetworkConfig v4() {
    return NetworkConfig.parse(V4);
  }

  private static IpAddress publicIp(RepairTrial trial) {
    return trial.network().lease().attributes().publicIp(IpFamily.V4).orElseThrow();
  }

  /** T09. */
  @Test
  void followsTheDefaultRouteToAnotherInterface() throws Exception {
    try (var host = new KernelHost(v4())) {
      host.run(
          "sh",
          "-c",
          "ip link add eth1 mtu 1400 type veth peer name wire1; ip addr add 198.51.100.1/25 dev eth1;"
              + " ip link set wire1 up; ip link set eth1 up; ip route add default via 192.0.2.254 dev eth0");
      try (var trial =
          RepairTrial.on(host, new VxlanBackendProvider(), UnderlaySelection.defaultRoute())) {
        var before = trial.network().lease();
        String mac = mac(host);

        host.run("ip", "route", "replace", "default", "via", "198.51.100.126", "dev", "eth1");

        assertTrue(trial.await(() -> publicIp(trial).equals(IpAddress.parse("198.51.100.1"))));
        assertTrue(trial.await(() -> trial.network().state().phase() == Phase.UP));
        String link = host.run("ip", "-d", "-o", "link", "show", "flannel.1");
        assertTrue(
            link.contains("local 198.51.100.1 dev eth1 ") && link.contains("mtu 1350 "), link);
        assertEquals(before.subnets(), trial.network().lease().subnets());
        assertEquals(mac, mac(host));
        assertTrue(host.reaches(host.peer(1)));
      }
    }
  }

  /** T09: a second address is nothing to follow, whether it comes or goes. */
  @Test
  void staysAtItsAddressWhenASecondComesAndGoes() throws Exception {
    try (var host = new KernelHost(v4());
        var trial = RepairTrial.on(host, new VxlanBackendProvider())) {
      var before = trial.network().lease();

      // The route is last, and what is heard of before it is looked at before it or with it.
      String wrong = trial.damage(
          "ip addr add 192.0.2.60/24 dev eth0; ip addr add 198.51.100.7/32 dev eth0;"
              + " ip addr del 192.0.2.60/24 dev eth0; ip addr del 198.51.100.7/32 dev eth0;"
              + " ip route del 10.244.1.0/24",
          3);

      assertEquals("", wrong);
      assertEquals(before, trial.network().lease());
      assertEquals(Phase.UP, trial.network().state().phase());
    }
  }

  /** T09: the second address is taken when the first goes, which the kernel keeps only where it is told to. */
  @Test
  void followsToTheSecondAddressWhenTheFirstGoes() throws Exception {
    try (var host = new KernelHost(v4());
        var trial = RepairTrial.on(host, new VxlanBackendProvider())) {
      var before = trial.network().lease();

      host.run(
          "sh", "-c", "ip addr add 198.51.100.7/25 dev eth0; ip addr del 192.0.2.1/24 dev eth0");

      assertTrue(trial.await(() -> publicIp(trial).equals(IpAddress.parse("198.51.100.7"))));
      assertTrue(trial.await(() -> trial.network().state().phase() == Phase.UP));
      assertEquals(before.subnets(), trial.network().lease().subnets());
      assertTrue(host.reaches(host.peer(1)));
    }
  }

  /** T09. */
  @Test
  void followsAnInterfaceThatIsRenamedIfItWasNotChosenByName() throws Exception {
    try (var host = new KernelHost(v4())) {
      host.run("ip", "route", "add", "default", "via", "192.0.2.254", "dev", "eth0");
      try (var trial =
          RepairTrial.on(host, new VxlanBackendProvider(), UnderlaySelection.defaultRoute())) {
        var before = trial.network().lease();

        host.run(
            "sh",
            "-c",
            "ip link set eth0 down; ip link set eth0 name wan0; ip link set wan0 up;"
                + " ip route add default via 192.0.2.254 dev wan0; ip link set wan0 mtu 1400");

        assertTrue(trial.await(() ->
            trial.network().overlayMtu() == 1350 && trial.network().state().phase() == Phase.UP));
        assertEquals(before.subnets(), trial.network().lease().subnets());
        assertTrue(host.reaches(host.peer(1)));
      }
    }
  }

  /** T09: one that was chosen by name is missed under that name. */
  @Test
  void saysThatTheInterfaceItWasGivenHasAnotherName() throws Exception {
    try (var host = new KernelHost(v4());
        var trial = RepairTrial.on(host, new VxlanBackendProvider())) {
      var network = trial.network();
      host.run(
          "sh", "-c", "ip link set eth0 down; ip link set eth0 name wan0; ip link set wan0 up");

      assertTrue(trial.await(() -> network.state().phase() == Phase.DEGRADED));
      assertTrue(network.state().reason().contains("eth0"), network.state()::reason);
      host.run(
          "sh", "-c", "ip link set wan0 down; ip link set wan0 name eth0; ip link set eth0 up");
      assertTrue(trial.await(() -> network.state().phase() == Phase.UP), network.state()::reason);
      assertTrue(host.reaches(host.peer(1)));
    }
  }

  /** T09: an address that was asked for is never replaced by another without being asked. */
  @Test
  void saysThatTheAddressItWasGivenIsGone() throws Exception {
    try (var host = new KernelHost(NetworkConfig.parse(V4));
        var trial = RepairTrial.on(
            host, new VxlanBackendProvider(), UnderlaySelection.ofInterface("192.0.2.1"))) {
      var network = trial.network();
      host.run("sh", "-c", "ip addr del 192.0.2.1/24 dev eth0; ip addr add 192.0.2.50/24 dev eth0");

      assertTrue(trial.await(() -> network.state().phase() == Phase.DEGRADED));
      assertTrue(network.state().reason().contains("192.0.2.1"), network.state()::reason);
      host.run("ip", "addr", "add", "192.0.2.1/24", "dev", "eth0");
      assertTrue(trial.await(() -> network.state().phase() == Phase.UP), network.state()::reason);
    }
  }
}
