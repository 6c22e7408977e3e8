package io.jaconet.vxlan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.Backend;
import io.jaconet.spi.Backend.PeerChange;
import io.jaconet.testkit.BackendContract;
import io.jaconet.testkit.InNetworkNamespace;
import java.io.IOException;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code DataPath: user} on one host, beside what the kernel's device does there. */
@InNetworkNamespace
class UserDataPathTest {
  private static final String V4 = "\"Network\":\"10.244.0.0/16\",";
  private static final String V6 =
      "\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:244::/48\",";
  private static final String DUAL =
      "\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\",\"IPv6Network\":\"fd00:244::/48\",";

  private static NetworkConfig config(String networks, String dataPath) {
    return NetworkConfig.parse(
        "{" + networks + "\"Backend\":{\"Type\":\"vxlan\",\"DataPath\":\"" + dataPath + "\"}}");
  }

  private static UserHost host(String networks) throws IOException {
    return new UserHost(config(networks, "user"));
  }

  @Nested
  @InNetworkNamespace
  class OverIpv4 implements BackendContract {
    @Override
    public Host host() throws IOException {
      return UserDataPathTest.host(V4);
    }
  }

  @Nested
  @InNetworkNamespace
  class OverIpv6 implements BackendContract {
    @Override
    public Host host() throws IOException {
      return UserDataPathTest.host(V6);
    }
  }

  @Nested
  @InNetworkNamespace
  class InDualStack implements BackendContract {
    @Override
    public Host host() throws IOException {
      return UserDataPathTest.host(DUAL);
    }
  }

  private static void open(UserHost host, Backend backend) throws IOException {
    backend.open(host.own(backend.prepare()));
  }

  @ParameterizedTest
  @ValueSource(strings = {V4, V6, DUAL})
  void publishesTheVeryLeaseThatTheKernelsDeviceHas(String networks) throws Exception {
    try (var kernel = new KernelHost(config(networks, "kernel"));
        var user = host(networks)) {
      var ofKernel = kernel.backend().prepare();
      var ofUser = user.backend().prepare();
      kernel.backend().close(CloseMode.PURGE);
      user.backend().close(CloseMode.PURGE);

      assertEquals(ofKernel.attributes().toJson(), ofUser.attributes().toJson());
      assertEquals(ofKernel.overlayMtu(), ofUser.overlayMtu());
    }
  }

  @Test
  void makesATunWithTheNameAndAddressOfTheKernelsDevice() throws Exception {
    try (var host = host(DUAL)) {
      open(host, host.backend());

      String link = host.run("ip", "-d", "link", "show", "flannel.1");
      String addresses = host.run("ip", "addr", "show", "flannel.1");
      String routes = host.run("ip", "route") + host.run("ip", "-6", "route");
      String sockets = host.run("ss", "-lunH");
      host.backend().close(CloseMode.KEEP);
      String links = host.run("ip", "link");

      assertTrue(link.contains("tun type tun") && link.contains("mtu 1430"), link);
      assertTrue(addresses.contains("inet 10.244.0.0/32"), addresses);
      assertTrue(addresses.contains("inet6 fd00:244::/128"), addresses);
      assertTrue(routes.contains("10.244.0.0/16 dev flannel.1"), routes);
      assertTrue(routes.contains("fd00:244::/48 dev flannel.1"), routes);
      assertTrue(sockets.contains("192.0.2.1:8472"), sockets);
      assertTrue(sockets.contains("[2001:db8::1]:8472"), sockets);
      assertFalse(links.contains("flannel"), links);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {V4, V6, DUAL})
  void takesThePlaceOfAKernelsDeviceAndGivesItBack(String networks) throws Exception {
    try (var host = host(networks)) {
      var kernel =
          new VxlanBackendProvider().create(host.kernel().context(config(networks, "kernel")));
      open(host, kernel);
      kernel.apply(ImmutableList.of(new PeerChange(null, host.peer(1))));
      kernel.close(CloseMode.KEEP);

      open(host, host.backend());
      host.backend().audit(ImmutableList.of(host.peer(1)));
      boolean reached = host.reaches(host.peer(1));
      String vxlanLinks = host.run("ip", "link", "show", "type", "vxlan");
      host.backend().close(CloseMode.KEEP);
      var again =
          new VxlanBackendProvider().create(host.kernel().context(config(networks, "kernel")));
      open(host, again);
      again.audit(ImmutableList.of(host.peer(1)));
      boolean reachedByKernel = host.kernel().reaches(host.peer(1));
      again.close(CloseMode.PURGE);

      assertTrue(reached);
      assertEquals("", vxlanLinks);
      assertTrue(reachedByKernel);
    }
  }

  @Test
  void neverTouchesALinkOfAnotherKindThatHasItsName() throws Exception {
    try (var host = host(V4)) {
      host.run("ip", "link", "add", "flannel.1", "type", "bridge");

      var refusal = assertThrows(IOException.class, () -> host.backend().prepare());
      host.backend().close(CloseMode.PURGE);

      assertTrue(
          String.valueOf(refusal.getMessage())
              .contains("there is a link flannel.1 of kind bridge already"),
          refusal.getMessage());
      assertTrue(host.run("ip", "-d", "link", "show", "flannel.1").contains("bridge"));
    }
  }

  /** T25. */
  @ParameterizedTest
  @ValueSource(strings = {"kernel", "user"})
  void tellsTheSecondOwnerWhoTheFirstIs(String secondDataPath) throws Exception {
    try (var host = host(V4)) {
      open(host, host.backend());
      var second =
          new VxlanBackendProvider().create(host.kernel().context(config(V4, secondDataPath)));

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

  /** T24. */
  @Test
  void namesTheDeviceThatHasThePortAlready() throws Exception {
    try (var host = host(V4)) {
      host.run("ip", "link", "add", "cilium_vxlan", "type", "vxlan", "id", "9", "dstport", "8472");
      host.run("ip", "link", "set", "cilium_vxlan", "up");

      var refusal = assertThrows(IOException.class, () -> host.backend().prepare());
      host.backend().close(CloseMode.PURGE);

      assertTrue(
          String.valueOf(refusal.getMessage()).contains("UDP port 8472 is in use by cilium_vxlan"),
          refusal.getMessage());
      assertFalse(host.run("ip", "link").contains("flannel"));
    }
  }

  @Test
  void refusesAPeerWithItsOwnMac() throws Exception {
    try (var host = host(V4)) {
      var own = host.own(host.backend().prepare());

      var refusal =
          assertThrows(IllegalArgumentException.class, () -> host.backend().claims(own));
      host.backend().close(CloseMode.PURGE);

      assertTrue(String.valueOf(refusal.getMessage()).contains("own"), refusal.getMessage());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"DirectRouting\":true",
        "\"GBP\":true",
        "\"Learning\":true",
        "\"DataPath\":\"hardware\"",
        "\"SourceCheck\":\"some\""
      })
  void namesTheOptionThatIsWrong(String option) throws Exception {
    var config =
        NetworkConfig.parse("{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\","
            + (option.contains("DataPath") ? "" : "\"DataPath\":\"user\",") + option + "}}");
    try (var host = host(V4)) {
      var refusal = assertThrows(
          IllegalArgumentException.class,
          () -> new VxlanBackendProvider().create(host.kernel().context(config)));

      String name = option.replaceAll("^\"(\\w+)\".*", "$1");
      assertTrue(
          String.valueOf(refusal.getMessage()).startsWith("Backend." + name + ": "),
          refusal.getMessage());
    }
  }
}
