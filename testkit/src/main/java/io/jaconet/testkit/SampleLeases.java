package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import java.util.EnumMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Networks, nodes and what these publish, for the contracts of leases. */
final class SampleLeases {
  private SampleLeases() {}

  static void assertInRange(NetworkConfig config, IpPrefix subnet) {
    var family = subnet.family();
    var min = config.subnetMin().get(family);
    var max = config.subnetMax().get(family);
    assertEquals(config.subnetLengths().get(family), subnet.length());
    assertTrue(min != null && min.compareTo(subnet.base()) <= 0, () -> subnet + " is below " + min);
    assertTrue(max != null && max.compareTo(subnet.base()) >= 0, () -> subnet + " is above " + max);
  }

  static void assertDisjoint(List<Subnets> held) {
    for (int i = 0; i < held.size(); i++) {
      for (int j = i + 1; j < held.size(); j++) {
        var a = held.get(i);
        var b = held.get(j);
        assertFalse(a.overlaps(b), () -> a + " and " + b);
      }
    }
  }

  static NetworkConfig v4Network() {
    return NetworkConfig.parse("{\"Network\": \"10.5.0.0/16\"}");
  }

  static NetworkConfig v6Network() {
    return NetworkConfig.parse(
        "{\"EnableIPv4\": false, \"EnableIPv6\": true, \"IPv6Network\": \"fd00:5::/48\"}");
  }

  static NetworkConfig dualNetwork() {
    return NetworkConfig.parse(
        "{\"Network\": \"10.5.0.0/16\", \"EnableIPv6\": true, \"IPv6Network\": \"fd00:5::/48\"}");
  }

  static LeaseRequest request(NetworkConfig config, int node) {
    return request(config, node, null);
  }

  static LeaseRequest request(NetworkConfig config, int node, @Nullable Subnets previous) {
    return new LeaseRequest(config, node(node), attributes(node), previous);
  }

  static String node(int number) {
    return "node-" + number;
  }

  static LeaseAttributes attributes(int node) {
    var publicIps = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    var data = new EnumMap<IpFamily, String>(IpFamily.class);
    for (var family : IpFamily.values()) {
      publicIps.put(family, publicIp(node, family));
      data.put(
          family,
          "{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:%02x:%02x\"}".formatted(node >> 8, node & 0xff));
    }
    return LeaseAttributes.of("vxlan", publicIps, data);
  }

  /** Returns an address of the ranges for benchmarks and documentation (RFC 2544, RFC 3849). */
  static IpAddress publicIp(int node, IpFamily family) {
    return IpAddress.parse(family == IpFamily.V4 ? "198.18.0.1" : "2001:db8::1").plus(node);
  }

  static IpPrefix prefix(String first, int number) {
    var prefix = IpPrefix.parse(first);
    for (int i = 0; i < number; i++) {
      prefix = prefix.next();
    }
    return prefix;
  }
}
