package io.jaconet.subnet.kubernetes;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import java.util.Map;

/** Nodes that a flanneld runs on, and what one asks for. */
final class Nodes {
  static final String PREFIX = "flannel.alpha.coreos.com/";
  static final NetworkConfig V4 =
      NetworkConfig.parse("{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\"}}");
  static final NetworkConfig DUAL = NetworkConfig.parse(
      "{\"Network\":\"10.244.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:244::/48\",\"Backend\":{\"Type\":\"vxlan\"}}");

  private Nodes() {}

  /** Returns the annotations that flanneld writes for the n-th host. */
  static ImmutableMap<String, String> annotations(int n) {
    return ImmutableMap.of(
        PREFIX + "kube-subnet-manager",
        "true",
        PREFIX + "backend-type",
        "vxlan",
        PREFIX + "backend-data",
        data(n),
        PREFIX + "public-ip",
        publicIp(n).toString());
  }

  static String data(int n) {
    return "{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:%02x:%02x\"}".formatted(n >> 8, n & 0xff);
  }

  /** Returns an address of the range for benchmarks (RFC 2544), which is large enough. */
  static IpAddress publicIp(int n) {
    return IpAddress.parse("198.18.0.1").plus(n);
  }

  static String podCidr(int n) {
    return IpAddress.parse("10.244.0.0").plus(n * 256L) + "/24";
  }

  static LeaseAttributes attributes(int n) {
    return LeaseAttributes.of(
        "vxlan", Map.of(IpFamily.V4, publicIp(n)), Map.of(IpFamily.V4, data(n)));
  }

  static LeaseAttributes dualAttributes(int n) {
    return LeaseAttributes.of(
        "vxlan",
        Map.of(
            IpFamily.V4,
            publicIp(n),
            IpFamily.V6,
            IpAddress.parse("2001:db8::1").plus(n)),
        Map.of(IpFamily.V4, data(n), IpFamily.V6, data(n + 1)));
  }

  static LeaseRequest request(NetworkConfig config, String node, LeaseAttributes attributes) {
    return new LeaseRequest(config, node, attributes, null);
  }
}
