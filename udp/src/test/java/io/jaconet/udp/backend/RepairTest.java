package io.jaconet.udp.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.NetworkState.Phase;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.RepairTrial;
import io.jaconet.udp.UdpBackendProvider;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.junit.jupiter.api.Test;

/** T01, I4, I5 and I6: every kind of damage to every kind of object is mended; T09: a network follows its underlay. */
@InNetworkNamespace
class RepairTest {
  private static final String DUAL = "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\","
      + "\"IPv6Network\":\"fd00:244::/48\",\"Backend\":{\"Type\":\"udp\"}}";

  /** A damage per line: how many objects it breaks, and the command. */
  private static final String DAMAGE = """
      9 ip link del flannel0
      5 ip link set flannel0 down
      5 ip link set flannel0 down; ip link set flannel0 up
      1 ip link set flannel0 mtu 1300
      1 ip link set flannel0 name other0
      3 ip -4 addr del 10.244.0.0/32 dev flannel0
      3 ip -6 addr del fd00:244::/128 dev flannel0
      6 ip addr flush dev flannel0 scope global
      1 ip addr add 10.244.0.9/32 dev flannel0
      1 ip route del 10.244.0.0/16
      1 ip -6 route del fd00:244::/48
      1 ip route replace 10.244.0.0/16 via 192.0.2.254 dev eth0
      1 ip -6 route replace fd00:244::/48 via 2001:db8::fe dev eth0 metric 1024
      1 ip route change 10.244.0.0/16 via 192.0.2.254 dev eth0 proto 74
      1 ip route add 10.244.0.0/16 dev flannel0 proto 74 metric 50
      2 ip route flush proto 74; ip -6 route flush proto 74
      """;

  @Test
  void everyDamageToEveryObjectIsMendedWhenItIsAnnounced() throws Exception {
    try (var host = new KernelHost(NetworkConfig.parse(DUAL));
        var trial = RepairTrial.on(host, new UdpBackendProvider())) {
      var wrong = new StringBuilder();
      for (String line : DAMAGE.lines().toList()) {
        var words = line.split(" ", 2);
        wrong.append(trial.damage(words[1], 3 * Long.parseLong(words[0])));
      }

      assertEquals("", wrong.toString());
      assertTrue(trial.await(() -> trial.network().state().phase() == Phase.UP));
    }
  }

  @Test
  void followsAnotherAddressAndMtu() throws Exception {
    try (var host = new KernelHost(NetworkConfig.parse(DUAL));
        var trial = RepairTrial.on(host, new UdpBackendProvider())) {
      var network = trial.network();
      var before = network.lease().subnets();
      var moved = IpAddress.parse("192.0.2.50");

      host.run("sh", "-c", "ip addr del 192.0.2.1/24 dev eth0; ip addr add 192.0.2.50/24 dev eth0");
      assertTrue(trial.await(
          () -> network.lease().attributes().publicIp(IpFamily.V4).orElseThrow().equals(moved)));
      host.run("ip", "link", "set", "eth0", "mtu", "1400");
      assertTrue(trial.await(() -> network.overlayMtu() == 1352));
      assertTrue(trial.await(() -> hasDevice(host, 1352)));
      assertTrue(trial.await(() -> network.state().phase() == Phase.UP), network.state()::reason);

      assertEquals(before, network.lease().subnets());
      String sockets = host.run("ss", "-lunH");
      assertTrue(sockets.contains("192.0.2.50:8285"), sockets);
    }
  }

  /** The network says its MTU when it knows it, which is before the device that was made for it is open. */
  private static boolean hasDevice(KernelHost host, int mtu) {
    try {
      return host.run("ip", "link", "show", "flannel0").contains("mtu " + mtu + " ");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
