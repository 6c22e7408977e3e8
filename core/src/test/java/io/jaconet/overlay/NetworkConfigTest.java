package io.jaconet.overlay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NetworkConfigTest {

  @ParameterizedTest
  @CsvSource({
    "10.3.0.0/16,  24, 10.3.1.0,       10.3.255.0",
    "10.55.0.0/28, 30, 10.55.0.4,      10.55.0.12",
    "10.55.0.0/22, 24, 10.55.1.0,      10.55.3.0",
    "10.55.0.0/23, 25, 10.55.0.128,    10.55.1.128",
    "10.1.2.3/16,  24, 10.1.1.0,       10.1.255.0",
    "fc00::/48,    64, fc00:0:0:1::,   fc00:0:0:ffff::",
    "fc00::/62,    64, fc00:0:0:1::,   fc00:0:0:3::",
    "fc00::/63,    65, 'fc00::8000:0:0:0', 'fc00:0:0:1:8000::'",
    "fc00::/124,  126, fc00::4,        fc00::c"
  })
  void computesWhatFlannelComputes(String network, int length, String min, String max) {
    var config = NetworkConfig.builder().network(network).build();
    var family = IpPrefix.parse(network).family();

    assertEquals(ImmutableSet.of(family), config.families());
    assertEquals(ImmutableMap.of(family, IpPrefix.parse(network)), config.networks());
    assertEquals(ImmutableMap.of(family, length), config.subnetLengths());
    assertEquals(ImmutableMap.of(family, IpAddress.parse(min)), config.subnetMin());
    assertEquals(ImmutableMap.of(family, IpAddress.parse(max)), config.subnetMax());
  }

  @Test
  void readsWhatTheBuilderBuilds() {
    var parsed = NetworkConfig.parse("""
        {
          "EnableIPv6": true,
          "EnableNFTables": true,
          "Network": "10.3.0.0/16", "SubnetLen": 28, "SubnetMin": "10.3.5.0", "SubnetMax": "10.3.8.0",
          "IPv6Network": "fc00::/48", "IPv6SubnetLen": 124, "IPv6SubnetMin": "fc00:0:0:1::", "IPv6SubnetMax": "fc00:0:0:f::",
          "Backend": {"Type": "vxlan", "VNI": 7, "DirectRouting": true}
        }
        """);

    var built = NetworkConfig.builder()
        .network("10.3.0.0/16")
        .network("fc00::/48")
        .subnetLength(IpFamily.V4, 28)
        .subnetLength(IpFamily.V6, 124)
        .subnetMin(IpAddress.parse("10.3.5.0"))
        .subnetMin(IpAddress.parse("fc00:0:0:1::"))
        .subnetMax(IpAddress.parse("10.3.8.0"))
        .subnetMax(IpAddress.parse("fc00:0:0:f::"))
        .nftables(true)
        .backend("VXLAN")
        .option("VNI", 7)
        .option("DirectRouting", true)
        .build();
    assertEquals(built, parsed);
    assertEquals(built.hashCode(), parsed.hashCode());
  }

  @Test
  void writesWhatItReads() {
    for (var network : ImmutableList.of("10.3.0.0/16", "fc00::/48")) {
      var config = NetworkConfig.builder()
          .network(network)
          .backend("vxlan")
          .option("Port", 4789)
          .option("Name", "a")
          .build();

      assertEquals(config, NetworkConfig.parse(config.toJson()));
    }
  }

  @Test
  void matchesKeysWhateverTheirCase() {
    var config = NetworkConfig.parse(
        "{\"network\":\"10.55.0.0/16\",\"backend\":{\"type\":\"VXLAN\",\"vni\":7}}");

    assertEquals("vxlan", config.backendType());
    assertEquals(7, config.backendOptions().integer("VNI", 1, 0, (1 << 24) - 1));
  }

  @Test
  void takesTheLastOfDuplicateKeysWhateverTheirCase() {
    var config = NetworkConfig.parse(
        "{\"Network\":\"10.1.0.0/16\",\"NETWORK\":\"10.2.0.0/16\",\"Network\":\"10.3.0.0/16\",\"Backend\":{\"type\":\"a\",\"Type\":\"b\"}}");

    assertEquals("b [10.3.0.0/16]", config.toString());
  }

  @Test
  void runsTheUdpBackendWhenNoneIsNamed() {
    assertEquals("udp", NetworkConfig.parse("{\"Network\":\"10.3.0.0/16\"}").backendType());
  }

  @Test
  void ignoresUnknownKeys() {
    var config =
        NetworkConfig.parse("{\"Network\":\"10.3.0.0/16\",\"Netwrok\":1,\"\\u001b[31m\":2}");

    assertFalse(config.nftables());
  }

  @Test
  void ignoresTheSettingsOfADisabledFamily() {
    var config = NetworkConfig.parse(
        "{\"Network\":\"10.3.0.0/16\",\"IPv6Network\":\"fc00::/48\",\"IPv6SubnetLen\":3}");

    assertEquals(ImmutableSet.of(IpFamily.V4), config.families());
  }

  @Test
  void takesNullAsAbsentExceptForIpv4Addresses() {
    var config = NetworkConfig.parse(
        "{\"Network\":\"10.3.0.0/16\",\"SubnetLen\":null,\"EnableIPv4\":null,\"IPv6SubnetMin\":null,\"EnableIPv6\":null}");

    assertEquals(ImmutableMap.of(IpFamily.V4, 24), config.subnetLengths());
  }

  @Test
  void takesUnspecifiedBoundsAsAbsent() {
    var config = NetworkConfig.parse(
        "{\"Network\":\"10.3.0.0/16\",\"SubnetMin\":\"0.0.0.0\",\"IPv6SubnetMax\":\"::\"}");

    assertEquals(ImmutableMap.of(IpFamily.V4, IpAddress.parse("10.3.1.0")), config.subnetMin());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{}                                                                   | Network is missing; it must be an IPv4 prefix, such as 10.244.0.0/16",
        "{'Network':'0.0.0.0/0'}                                              | Network is missing; it must be an IPv4 prefix, such as 10.244.0.0/16",
        "{'Network':'10.3.0.0/31'}                                            | Network is 10.3.0.0/31; it must be an IPv4 prefix of /1 to /28, such as 10.244.0.0/16",
        "{'Network':'10.3.0.0/33'}                                            | Network is \"10.3.0.0/33\"; it must be an IPv4 prefix, such as 10.244.0.0/16",
        "{'Network':'fc00::/48'}                                              | Network is \"fc00::/48\"; it must be an IPv4 prefix, such as 10.244.0.0/16",
        "{'Network':null}                                                     | Network is null; it must be an IPv4 prefix, such as 10.244.0.0/16",
        "{'Network':''}                                                       | Network is \"\"; it must be an IPv4 prefix, such as 10.244.0.0/16",
        "{'Network':'127.0.0.0/8'}                                            | Network is 127.0.0.0/8; it must be apart from unspecified, loopback, link-local, multicast, broadcast and IPv4-mapped addresses, such as 10.244.0.0/16",
        "{'Network':'10.3.0.0/16','SubnetLen':31}                             | SubnetLen is 31; it must be from 18 to 30 in 10.3.0.0/16, such as 24",
        "{'Network':'10.3.0.0/16','SubnetLen':17}                             | SubnetLen is 17; it must be from 18 to 30 in 10.3.0.0/16, such as 24",
        "{'Network':'10.3.0.0/16','SubnetLen':-1}                             | SubnetLen is -1; it must be a whole number from 0 to 32, such as 0",
        "{'Network':'10.3.0.0/16','SubnetLen':-0}                             | SubnetLen is -0; it must be a whole number from 0 to 32, such as 0",
        "{'Network':'10.3.0.0/16','SubnetLen':1e999}                          | SubnetLen is 1e999; it must be a whole number from 0 to 32, such as 0",
        "{'Network':'10.3.0.0/16','SubnetLen':24.0}                           | SubnetLen is 24.0; it must be a whole number from 0 to 32, such as 0",
        "{'Network':'10.3.0.0/16','SubnetLen':'24'}                           | SubnetLen is \"24\"; it must be a whole number from 0 to 32, such as 0",
        "{'Network':'10.3.0.0/16','SubnetLen':NaN}                            | the configuration is not JSON at line 1 column 38; it must be an object, such as {}",
        "{'Network':'10.3.0.0/16','SubnetMin':'10.4.0.0'}                     | SubnetMin is 10.4.0.0; it must be the first address of a /24 in 10.3.0.0/16, such as 10.3.1.0",
        "{'Network':'10.3.0.0/16','SubnetMin':'10.3.5.1'}                     | SubnetMin is 10.3.5.1; it must be the first address of a /24 in 10.3.0.0/16, such as 10.3.1.0",
        "{'Network':'10.3.0.0/16','SubnetMin':null}                           | SubnetMin is null; it must be an IPv4 address, such as 10.244.0.0",
        "{'Network':'10.3.0.0/16','SubnetMin':'10.3.5.0','SubnetMax':'10.3.4.0'} | SubnetMax is 10.3.4.0; it must be at or after SubnetMin, which is 10.3.5.0, such as 10.3.255.0",
        "{'EnableIPv4':false}                                                 | EnableIPv4 is false; it must be true unless EnableIPv6 is, such as true",
        "{'EnableIPv4':'yes'}                                                 | EnableIPv4 is \"yes\"; it must be true or false, such as true",
        "{'EnableIPv6':true,'Network':'10.3.0.0/16'}                          | IPv6Network is missing; it must be an IPv6 prefix, such as fd00:244::/48",
        "{'EnableIPv6':true,'Network':'10.3.0.0/16','IPv6Network':'10.3.0.0/16'} | IPv6Network is \"10.3.0.0/16\"; it must be an IPv6 prefix, such as fd00:244::/48",
        "{'EnableIPv6':true,'Network':'10.3.0.0/16','IPv6Network':'::/64'}    | IPv6Network is ::/64; it must be apart from unspecified, loopback, link-local, multicast, broadcast and IPv4-mapped addresses, such as fd00:244::/48",
        "{'EnableIPv6':true,'Network':'10.3.0.0/16','IPv6Network':'fc00::/48','IPv6SubnetLen':127} | IPv6SubnetLen is 127; it must be from 50 to 126 in fc00::/48, such as 64",
        "{'Network':'10.3.0.0/16','Backend':null}                             | Backend is null; it must be an object, such as {\"Type\":\"vxlan\"}",
        "{'Network':'10.3.0.0/16','Backend':{}}                               | Backend.Type is missing; it must be a backend's name, such as vxlan",
        "{'Network':'10.3.0.0/16','Backend':{'Type':['vxlan']}}               | Backend.Type is [\"vxlan\"]; it must be a backend's name, such as vxlan",
        "{'Network':'10.3.0.0/16','Backend':{'Type':''}}                      | Backend.Type is \"\"; it must be a backend's name, such as vxlan",
        "[]                                                                   | the configuration is []; it must be an object, such as {\"Network\":\"10.244.0.0/16\"}",
        "{'Network':'10.3.0.0/16'}}                                           | the configuration is not JSON at line 1 column 27; it must be an object, such as {}",
      },
      quoteCharacter = '`')
  void namesPathValueRuleAndExample(String json, String message) {
    var refusal = assertThrows(
        IllegalArgumentException.class, () -> NetworkConfig.parse(json.replace('\'', '"')));

    assertEquals(message, refusal.getMessage());
  }
}
