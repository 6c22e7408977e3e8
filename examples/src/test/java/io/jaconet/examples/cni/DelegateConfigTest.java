package io.jaconet.examples.cni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.jaconet.overlay.SubnetEnv;
import org.junit.jupiter.api.Test;

class DelegateConfigTest {
  private static final SubnetEnv DUAL = SubnetEnv.parse("""
      FLANNEL_NETWORK=10.244.0.0/16
      FLANNEL_SUBNET=10.244.7.1/24
      FLANNEL_IPV6_NETWORK=fd42:244::/48
      FLANNEL_IPV6_SUBNET=fd42:244:0:7::1/64
      FLANNEL_MTU=1450
      FLANNEL_IPMASQ=true
      """);

  private static JsonObject json(String text) {
    return JsonParser.parseString(text).getAsJsonObject();
  }

  @Test
  void theBridgeGetsBothSubnetsTheMtuAndRoutesToTheOverlay() {
    assertEquals(
        json("""
            {"name": "n", "type": "bridge", "cniVersion": "0.4.0", "ipMasq": false, "mtu": 1450, "isGateway": true,
             "ipam": {"type": "host-local",
                      "ranges": [[{"subnet": "10.244.7.0/24"}], [{"subnet": "fd42:244:0:7::/64"}]],
                      "routes": [{"dst": "10.244.0.0/16"}, {"dst": "fd42:244::/48"}]}}"""),
        DelegateConfig.of(
            json("{\"name\": \"n\", \"type\": \"flannel\", \"cniVersion\": \"0.4.0\"}"), DUAL));
  }

  @Test
  void whatTheDelegateSaysItselfStays() {
    var delegate = DelegateConfig.of(json("""
            {"name": "n", "runtimeConfig": {"a": 1}, "ipam": {"routes": [{"dst": "0.0.0.0/0"}], "ranges": []},
             "delegate": {"type": "ptp", "mtu": 1400, "ipMasq": true, "hairpinMode": true}}"""), DUAL);

    assertEquals("ptp", delegate.get("type").getAsString());
    assertEquals(1400, delegate.get("mtu").getAsInt());
    assertEquals(true, delegate.get("ipMasq").getAsBoolean());
    assertEquals(false, delegate.has("isGateway"));
    assertEquals(json("{\"a\": 1}"), delegate.get("runtimeConfig"));
    var ipam = delegate.getAsJsonObject("ipam");
    assertEquals(2, ipam.getAsJsonArray("ranges").size());
    assertEquals(
        "0.0.0.0/0",
        ipam.getAsJsonArray("routes").get(0).getAsJsonObject().get("dst").getAsString());
    assertEquals(3, ipam.getAsJsonArray("routes").size());
  }

  @Test
  void withoutMasqueradingOnTheHostTheBridgeDoesIt() {
    var env = SubnetEnv.parse(
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.7.1/24\nFLANNEL_MTU=1450\n");

    assertEquals(
        true, DelegateConfig.of(json("{\"name\": \"n\"}"), env).get("ipMasq").getAsBoolean());
  }

  @Test
  void aFileWithoutAnMtuAndADelegateWithAnIpamAreRefused() {
    var env = SubnetEnv.parse("FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.7.1/24\n");

    assertThrows(
        IllegalArgumentException.class, () -> DelegateConfig.of(json("{\"name\": \"n\"}"), env));
    assertThrows(
        IllegalArgumentException.class,
        () -> DelegateConfig.of(json("{\"name\": \"n\", \"delegate\": {\"ipam\": {}}}"), DUAL));
  }
}
