package io.jaconet.benchmarks;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;

/**
 * Peers that do not exist, of a network large enough for 100,000 of them. The n-th has the n-th subnet, and addresses that follow from n
 * and from how often it has moved. Their public IPs are from the range that RFC 2544 sets apart for benchmarks.
 */
final class SyntheticPeers {
  private static final IpPrefix NETWORK = IpPrefix.parse("10.0.0.0/8");

  /** The last subnet, which is no peer's. */
  static final IpPrefix OWN = IpPrefix.parse("10.255.255.128/25");

  private static final IpAddress FIRST_PUBLIC_IP = IpAddress.parse("198.18.0.1");
  private static final int PUBLIC_IPS = 1 << 17;
  private static final int SUBNET_LENGTH = 25;
  private static final int SUBNET_ADDRESSES = 1 << 32 - SUBNET_LENGTH;
  private static final long FIRST_MAC = 0x02_00_00_00_00_00L;
  private static final Duration TIME_TO_LIVE = Duration.ofHours(24);

  private SyntheticPeers() {}

  static NetworkConfig config() {
    return NetworkConfig.builder()
        .network(NETWORK)
        .subnetLength(IpFamily.V4, SUBNET_LENGTH)
        .backend("vxlan")
        .build();
  }

  static IpPrefix subnet(int peer) {
    return new IpPrefix(NETWORK.base().plus((peer + 1L) * SUBNET_ADDRESSES), SUBNET_LENGTH);
  }

  static MacAddress mac(int peer, int moves) {
    return new MacAddress(FIRST_MAC + ((long) moves << 24) + peer);
  }

  static IpAddress publicIp(int peer, int moves) {
    return FIRST_PUBLIC_IP.plus((peer + moves * 1_000L) % (PUBLIC_IPS - 2));
  }

  static void join(LeaseStore store, int peer) throws IOException {
    store.create(Subnets.of(subnet(peer)), value(peer, 0), "peer-" + peer, TIME_TO_LIVE);
  }

  /** Writes another MAC and another public IP into the record. */
  static void move(LeaseStore store, LeaseStore.Entry record, int peer, int moves)
      throws IOException {
    store.update(record, value(peer, moves), "peer-" + peer, TIME_TO_LIVE);
  }

  private static String value(int peer, int moves) {
    var data = "{\"VNI\":1,\"VtepMAC\":\"" + mac(peer, moves) + "\"}";
    return LeaseAttributes.of(
            "vxlan", Map.of(IpFamily.V4, publicIp(peer, moves)), Map.of(IpFamily.V4, data))
        .toJson();
  }
}
