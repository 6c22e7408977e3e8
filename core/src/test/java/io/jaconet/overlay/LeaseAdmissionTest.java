package io.jaconet.overlay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** T22 and F7: what a lease of another may do to this host. */
class LeaseAdmissionTest {
  private static final NetworkConfig DUAL = NetworkConfig.builder()
      .network("10.244.0.0/16")
      .network("fd00:244::/48")
      .backend("vxlan")
      .build();

  private static final Underlay UNDERLAY = new Underlay(
      "eth0",
      2,
      1500,
      ImmutableMap.of(
          IpFamily.V4, IpAddress.parse("192.0.2.1"), IpFamily.V6, IpAddress.parse("2001:db8::1")),
      ImmutableMap.of(
          IpFamily.V4,
          IpAddress.parse("198.51.100.1"),
          IpFamily.V6,
          IpAddress.parse("2001:db8::1")),
      ImmutableList.of(IpPrefix.parse("192.0.2.0/24"), IpPrefix.parse("2001:db8::/64")));

  private static final Subnets OWN = Subnets.parseKey("10.244.1.0-24&fd00:244:0:1::-64");

  private static Lease lease(String key, String v4, String v6, String type) {
    ImmutableMap.Builder<IpFamily, IpAddress> publicIps = ImmutableMap.builder();
    for (String address : ImmutableList.of(v4, v6)) {
      if (!address.equals("-")) {
        var parsed = IpAddress.parse(address);
        publicIps.put(parsed.family(), parsed);
      }
    }
    var attributes = LeaseAttributes.of(type, publicIps.buildOrThrow(), ImmutableMap.of());
    return new Lease(Subnets.parseKey(key), attributes, null, 1, 1);
  }

  @ParameterizedTest
  @CsvSource({
    "10.244.7.0-24&fd00:244:0:7::-64, 192.0.2.7, 2001:db8::7",
    "10.244.7.0-24,                   192.0.2.7, -",
    "fd00:244:0:7::-64,               -,         2001:db8::7",
    "10.244.255.0-24,                 203.0.113.9, -",
    // Flannel leases the first subnet only if told to, and a network's bounds may have been moved
    // since.
    "10.244.0.0-24,                   192.0.2.7, -"
  })
  void admitsALeaseOfTheNetwork(String key, String v4, String v6) {
    assertEquals(
        Optional.empty(),
        new LeaseAdmission(DUAL, OWN, UNDERLAY).refuse(lease(key, v4, v6, "vxlan")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0.0.0.0-0                  | 192.0.2.7   | -           | 0.0.0.0/0 is outside the network 10.244.0.0/16",
        "10.0.0.0-8                 | 192.0.2.7   | -           | 10.0.0.0/8 is outside the network 10.244.0.0/16",
        "10.245.0.0-24              | 192.0.2.7   | -           | 10.245.0.0/24 is outside the network 10.244.0.0/16",
        "127.0.0.0-24               | 192.0.2.7   | -           | 127.0.0.0/24 is outside the network 10.244.0.0/16",
        "192.0.2.0-24               | 192.0.2.7   | -           | 192.0.2.0/24 is outside the network 10.244.0.0/16",
        "10.244.0.0-16              | 192.0.2.7   | -           | 10.244.0.0/16 is not a /24 as the network's subnets are",
        "10.244.7.0-25              | 192.0.2.7   | -           | 10.244.7.0/25 is not a /24 as the network's subnets are",
        "10.244.1.0-24              | 192.0.2.7   | -           | 10.244.1.0/24 overlaps this host's own subnet 10.244.1.0/24",
        "10.244.7.0-24              | -           | 2001:db8::7 | publishes no IPv4 address of its host",
        "10.244.7.0-24              | 127.0.0.1   | -           | public IP 127.0.0.1 is no address of a host",
        "10.244.7.0-24              | 224.0.0.5   | -           | public IP 224.0.0.5 is no address of a host",
        "10.244.7.0-24              | 255.255.255.255 | -       | public IP 255.255.255.255 is no address of a host",
        "10.244.7.0-24              | 192.0.2.1   | -           | public IP 192.0.2.1 is this host's own",
        "10.244.7.0-24              | 198.51.100.1 | -          | public IP 198.51.100.1 is this host's own",
        "10.244.7.0-24              | 10.244.3.3  | -           | public IP 10.244.3.3 is inside the overlay 10.244.0.0/16",
        "10.244.7.0-24&fd00:245::-64 | 192.0.2.7  | 2001:db8::7 | fd00:245::/64 is outside the network fd00:244::/48",
        "10.244.7.0-24&fd00:244:0:1::-64 | 192.0.2.7 | 2001:db8::7 | fd00:244:0:1::/64 overlaps this host's own subnet fd00:244:0:1::/64",
        "10.244.7.0-24&fd00:244:0:7::-64 | 192.0.2.7 | -         | publishes no IPv6 address of its host",
        "10.244.7.0-24&fd00:244:0:7::-64 | 192.0.2.7 | ff02::1   | public IP ff02::1 is no address of a host",
        "10.244.7.0-24&fd00:244:0:7::-64 | 192.0.2.7 | fd00:244::9 | public IP fd00:244::9 is inside the overlay fd00:244::/48"
      })
  void refusesALeaseThatWouldTakeWhatIsNotItsOwn(String key, String v4, String v6, String reason) {
    assertEquals(
        Optional.of(reason),
        new LeaseAdmission(DUAL, OWN, UNDERLAY).refuse(lease(key, v4, v6, "vxlan")));
  }

  @Test
  void refusesALeaseOfAnotherFamilyAlone() {
    var onlyV4 =
        NetworkConfig.builder().network("10.244.0.0/16").backend("vxlan").build();

    assertEquals(
        Optional.of("fd00:244:0:7::/64 has no subnet of an enabled family [IPv4]"),
        new LeaseAdmission(onlyV4, OWN, UNDERLAY)
            .refuse(lease("fd00:244:0:7::-64", "-", "2001:db8::7", "vxlan")));
    assertEquals(
        Optional.empty(),
        new LeaseAdmission(onlyV4, OWN, UNDERLAY)
            .refuse(lease("10.244.7.0-24&fd00:1::-64", "192.0.2.7", "-", "vxlan")));
  }

  @ParameterizedTest
  @CsvSource({
    "vxlan, host-gw, 'runs backend host-gw, not vxlan'",
    "vxlan, VXLAN,   'runs backend VXLAN, not vxlan'",
    "vxlan, '',      'runs backend udp or another without a name, not vxlan'",
    "udp,   vxlan,   'runs backend vxlan, not udp'",
    "udp,   udp,     'runs backend udp, not udp'"
  })
  void refusesALeaseOfAnotherBackend(String configured, String published, String reason) {
    var config =
        NetworkConfig.builder().network("10.244.0.0/16").backend(configured).build();

    var refusal = new LeaseAdmission(config, OWN, UNDERLAY)
        .refuse(lease("10.244.7.0-24", "192.0.2.7", "-", published));

    assertEquals(Optional.of(reason), refusal);
  }

  @Test
  void admitsTheNamelessLeaseOfAUdpHost() {
    var config = NetworkConfig.builder().network("10.244.0.0/16").build();

    assertEquals(
        Optional.empty(),
        new LeaseAdmission(config, OWN, UNDERLAY)
            .refuse(lease("10.244.7.0-24", "192.0.2.7", "-", "")));
  }

  private static Underlay underlay(String address, String... prefixes) {
    var addresses = ImmutableMap.of(IpFamily.V4, IpAddress.parse(address));
    var onLink = ImmutableList.<IpPrefix>builder();
    for (String prefix : prefixes) {
      onLink.add(IpPrefix.parse(prefix));
    }
    return new Underlay("eth0", 2, 1500, addresses, addresses, onLink.build());
  }

  @Test
  void refusesALeaseOfTheUnderlayWhereItLiesInsideTheNetwork() {
    var admission =
        new LeaseAdmission(DUAL, OWN, underlay("10.244.7.9", "10.244.7.0/24", "10.244.8.0/23"));

    assertEquals(
        Optional.of("10.244.7.0/24 overlaps the underlay's 10.244.7.0/24 on eth0"),
        admission.refuse(lease("10.244.7.0-24", "192.0.2.7", "-", "vxlan")));
    assertEquals(
        Optional.of("10.244.9.0/24 overlaps the underlay's 10.244.8.0/23 on eth0"),
        admission.refuse(lease("10.244.9.0-24", "192.0.2.7", "-", "vxlan")));
  }

  @Test
  void admitsLeasesOfANetworkThatIsAPartOfTheUnderlaysButNotTheOneAroundTheHost() {
    var admission = new LeaseAdmission(DUAL, OWN, underlay("10.244.9.1", "10.0.0.0/8"));

    assertEquals(
        Optional.empty(), admission.refuse(lease("10.244.7.0-24", "10.9.0.7", "-", "vxlan")));
    assertEquals(
        Optional.of("10.244.9.0/24 contains this host's address 10.244.9.1"),
        admission.refuse(lease("10.244.9.0-24", "10.9.0.7", "-", "vxlan")));
  }

  @ParameterizedTest
  @CsvSource({"10.244.0.0/16", "10.244.7.0/24", "10.244.1.1/32"})
  void refusesANetworkThatTakesTheUnderlayAway(String prefix) {
    var refusal = assertThrows(
        IllegalArgumentException.class,
        () -> DUAL.requireDisjointFrom(ImmutableList.of(IpPrefix.parse(prefix))));

    assertEquals(
        "Network is 10.244.0.0/16; it must be apart from " + prefix
            + " of the host's underlay, such as 172.20.0.0/16",
        refusal.getMessage());
  }

  @Test
  void acceptsANetworkBesideOrWithinTheUnderlay() {
    DUAL.requireDisjointFrom(ImmutableList.of(
        IpPrefix.parse("192.0.2.0/24"),
        IpPrefix.parse("10.0.0.0/8"),
        IpPrefix.parse("10.245.0.0/16"),
        IpPrefix.parse("2001:db8::/64")));
  }
}
