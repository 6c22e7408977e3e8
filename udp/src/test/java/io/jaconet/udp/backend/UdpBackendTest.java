package io.jaconet.udp.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.Backend.PeerChange;
import io.jaconet.testkit.BackendContract;
import io.jaconet.testkit.InNetworkNamespace;
import java.io.IOException;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@InNetworkNamespace
class UdpBackendTest {
  private static final String V4 = "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"udp\"}}";
  private static final String V6 =
      "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:244::/48\","
          + "\"Backend\":{\"Type\":\"udp\"}}";
  private static final String DUAL = "{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\","
      + "\"IPv6Network\":\"fd00:244::/48\",\"Backend\":{\"Type\":\"udp\"}}";

  private static KernelHost host(String config) throws IOException {
    return new KernelHost(NetworkConfig.parse(config));
  }

  @Nested
  @InNetworkNamespace
  class OverIpv4 implements BackendContract {
    @Override
    public Host host() throws IOException {
      return UdpBackendTest.host(V4);
    }
  }

  @Nested
  @InNetworkNamespace
  class OverIpv6 implements BackendContract {
    @Override
    public Host host() throws IOException {
      return UdpBackendTest.host(V6);
    }
  }

  @Nested
  @InNetworkNamespace
  class InDualStack implements BackendContract {
    @Override
    public Host host() throws IOException {
      return UdpBackendTest.host(DUAL);
    }
  }

  private static void open(KernelHost host) throws IOException {
    host.backend().open(host.own(host.backend().prepare()));
  }

  @Test
  void makesTheDeviceTheRouteAndTheSocketThatFlanneldWouldMake() throws Exception {
    try (var host = host(V4)) {
      var preparation = host.backend().prepare();
      host.backend().open(host.own(preparation));

      String link = host.run("ip", "link", "show", "flannel0");
      String address = host.run("ip", "-4", "addr", "show", "flannel0");
      String route = host.run("ip", "route", "show", "10.244.0.0/16");
      String sockets = host.run("ss", "-lunH");
      host.backend().close(CloseMode.PURGE);
      String links = host.run("ip", "link");

      assertEquals(
          "{\"PublicIP\":\"192.0.2.1\",\"PublicIPv6\":null}",
          preparation.attributes().toJson());
      assertTrue(link.contains("POINTOPOINT") && link.contains("mtu 1472"), link);
      assertTrue(address.contains("inet 10.244.0.0/32 scope global flannel0"), address);
      assertTrue(route.contains("10.244.0.0/16 dev flannel0"), route);
      assertTrue(sockets.contains("192.0.2.1:8285"), sockets);
      assertFalse(links.contains("flannel0"), links);
    }
  }

  @Test
  void leavesFortyEightBytesForTheHeadersOfIpv6() throws Exception {
    for (String config : new String[] {V6, DUAL}) {
      try (var host = host(config)) {
        int overlayMtu = host.backend().prepare().overlayMtu();
        host.backend().close(CloseMode.PURGE);

        assertEquals(1452, overlayMtu);
      }
    }
  }

  @Test
  void saysWhichSettingIsWrongAndWhatWouldBeRight() {
    var config = NetworkConfig.parse(
        "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"udp\",\"SourceCheck\":\"some\"}}");

    var refusal = assertThrows(IllegalArgumentException.class, () -> UdpScheme.of(config));

    assertEquals(
        "Backend.SourceCheck: \"some\" is not whom to believe; allowed is strict, loose or off, for example \"strict\"",
        refusal.getMessage());
  }

  /** T40. */
  @Test
  void anAuditMakesALostDeviceAnew() throws Exception {
    try (var host = host(DUAL)) {
      open(host);
      Lease peer = host.peer(1);
      host.backend().apply(ImmutableList.of(new PeerChange(null, peer)));
      host.run("ip", "link", "del", "flannel0");
      boolean reachedWithoutDevice = host.reaches(peer);

      var report = host.backend().audit(ImmutableList.of(peer));
      boolean reachedAgain = host.reaches(peer);
      host.backend().close(CloseMode.PURGE);

      assertFalse(reachedWithoutDevice);
      assertTrue(report.writes() > 0);
      assertTrue(reachedAgain);
    }
  }

  @Test
  void refusesAPeerAtItsOwnAddress() throws Exception {
    try (var host = host(V4)) {
      open(host);

      var refusal = assertThrows(
          IllegalArgumentException.class, () -> host.backend().claims(host.lease(3, 1)));
      host.backend().close(CloseMode.PURGE);

      assertEquals("the public IP 192.0.2.1 is this host's own", refusal.getMessage());
    }
  }

  @Test
  void aPortThatIsTakenIsNamed() throws Exception {
    try (var host = host(V4)) {
      open(host);
      var other = host.restarted();

      var refusal = assertThrows(IOException.class, other::prepare);
      other.close(CloseMode.PURGE);
      host.backend().close(CloseMode.PURGE);

      assertTrue(String.valueOf(refusal.getMessage()).contains("port 8285): EADDRINUSE"));
    }
  }
}
