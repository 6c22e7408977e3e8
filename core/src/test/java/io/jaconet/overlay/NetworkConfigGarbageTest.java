package io.jaconet.overlay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.internal.SeededRandom;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Class C of the inputs that nobody meant: every outcome is a valid configuration or a message that names path and value. */
class NetworkConfigGarbageTest {
  private static final Map<String, String> VALID = Map.ofEntries(
      Map.entry("EnableIPv4", "true"),
      Map.entry("EnableIPv6", "true"),
      Map.entry("EnableNFTables", "false"),
      Map.entry("Network", "\"10.3.0.0/16\""),
      Map.entry("SubnetLen", "24"),
      Map.entry("SubnetMin", "\"10.3.5.0\""),
      Map.entry("SubnetMax", "\"10.3.8.0\""),
      Map.entry("IPv6Network", "\"fc00::/48\""),
      Map.entry("IPv6SubnetLen", "64"),
      Map.entry("IPv6SubnetMin", "\"fc00:0:0:1::\""),
      Map.entry("IPv6SubnetMax", "\"fc00:0:0:f::\""),
      Map.entry("Backend", "{\"Type\":\"vxlan\",\"VNI\":7,\"Port\":8472}"));

  @Test
  void namesTheKeyAndTheValueAtFault(TestReporter reporter) {
    var garbage = new Garbage(SeededRandom.reportedTo(reporter));
    for (String key : VALID.keySet()) {
      for (String value : garbage.values()) {
        var members = new TreeMap<>(VALID);
        members.put(key, value);
        String json = json(members);
        long start = System.nanoTime();
        try {
          assertValid(NetworkConfig.parse(json));
        } catch (IllegalArgumentException e) {
          Garbage.assertGoodMessage(e, json);
          String message = String.valueOf(e.getMessage());
          // A network that is moved or resized puts the bounds and lengths at fault that were right
          // before.
          assertTrue(
              message.contains(key)
                  || isOfFamily(key, message)
                  || message.startsWith("the configuration is "),
              message + " for " + json);
        }
        Garbage.assertQuick(start, json);
      }
    }
  }

  private static boolean isOfFamily(String key, String message) {
    String prefix = key.startsWith("IPv6") || key.equals("EnableIPv6") ? "IPv6" : "";
    return message.startsWith(prefix + "Subnet") || message.startsWith(prefix + "Network");
  }

  @Test
  void meetsCombinationsOfGarbageWithAConfigurationOrAReason(TestReporter reporter) {
    var random = SeededRandom.reportedTo(reporter);
    var garbage = new Garbage(random);
    List<String> keys = List.copyOf(VALID.keySet());
    for (int i = 0; i < 5_000; i++) {
      var members = new TreeMap<>(VALID);
      for (int changes = random.nextInt(4); changes >= 0; changes--) {
        String key = random.oneOf(keys);
        if (random.nextInt(4) == 0) {
          members.remove(key);
        } else {
          members.put(
              random.nextInt(4) == 0 ? key.toLowerCase(java.util.Locale.ROOT) : key,
              random.oneOf(garbage.values()));
        }
      }
      assertValidOrRefused(json(members));
    }
  }

  @Test
  void meetsMutatedTextWithAConfigurationOrAReason(TestReporter reporter) {
    var garbage = new Garbage(SeededRandom.reportedTo(reporter));
    for (int i = 0; i < 5_000; i++) {
      assertValidOrRefused(garbage.mutation(json(VALID)));
    }
  }

  private static void assertValidOrRefused(String json) {
    long start = System.nanoTime();
    try {
      assertValid(NetworkConfig.parse(json));
    } catch (IllegalArgumentException e) {
      Garbage.assertGoodMessage(e, json);
    }
    Garbage.assertQuick(start, json);
  }

  private static String json(Map<String, String> members) {
    return members.entrySet().stream()
        .map(member -> "\"" + member.getKey() + "\":" + member.getValue())
        .collect(Collectors.joining(",", "{", "}"));
  }

  private static void assertValid(NetworkConfig config) {
    assertTrue(!config.families().isEmpty());
    for (IpFamily family : config.families()) {
      var range = config.range(family);
      assertTrue(
          range.network().contains(range.min()) && range.network().contains(range.max()),
          config.toJson());
      assertTrue(range.min().compareTo(range.max()) <= 0, config.toJson());
      assertEquals(range.min(), new IpPrefix(range.min(), range.subnetLength()).base());
      assertEquals(range.max(), new IpPrefix(range.max(), range.subnetLength()).base());
      assertTrue(
          range.subnetLength() >= range.network().length() + 2
              && range.network().isUnicast(),
          config.toJson());
    }
    assertEquals(config, NetworkConfig.parse(config.toJson()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "hello",
        "null",
        "7",
        "\"x\"",
        "{",
        "}",
        "{]",
        "{\"Network\"}",
        "{\"Network\":}",
        "{'Network':'10.3.0.0/16'}",
        "{Network:1}",
        "{\"Network\":\"10.3.0.0/16\",}",
        "{\"Network\":\"10.3.0.0/16\"} {}",
        "{\"SubnetLen\":Infinity}",
        "{\"SubnetLen\":+1}",
        "{\"SubnetLen\":01}",
        "{\"EnableIPv4\":TRUE}",
        "// comment\n{}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"Network\";\"10.3.0.0/16\"}",
        "\ufeff{\"Network\":\"10.3.0.0/16\"}",
        ")]}'\n{}"
      })
  void refusesWhatIsNotStrictlyAJsonObject(String text) {
    var refusal = assertThrows(IllegalArgumentException.class, () -> NetworkConfig.parse(text));

    assertTrue(
        String.valueOf(refusal.getMessage()).startsWith("the configuration "),
        refusal.getMessage());
    Garbage.assertGoodMessage(refusal, text);
  }

  @Test
  void refusesAWrongEncoding() {
    byte[] utf16 = json(VALID).getBytes(StandardCharsets.UTF_16LE);

    var refusal = assertThrows(
        IllegalArgumentException.class,
        () -> NetworkConfig.parse(new String(utf16, StandardCharsets.UTF_8)));

    assertEquals(
        "the configuration is not JSON at line 1 column 3; it must be an object, such as {}",
        refusal.getMessage());
  }

  @Test
  void refusesTenMebibytesWithoutParsingThem() {
    String text = "{\"a\":\"" + "x".repeat(10 << 20) + "\"}";

    var refusal = assertThrows(IllegalArgumentException.class, () -> NetworkConfig.parse(text));

    assertEquals(
        "the configuration has 10485768 characters; at most 1048576 are read",
        refusal.getMessage());
  }

  @Test
  void refusesADepthOfTenThousand() {
    for (String opening : List.of("[", "{\"a\":")) {
      var refusal = assertThrows(
          IllegalArgumentException.class,
          () -> NetworkConfig.parse("{\"a\":" + opening.repeat(10_000)));

      assertEquals("the configuration is nested more than 64 levels deep", refusal.getMessage());
    }
  }

  @Test
  void staysQuickWithManyKeys() {
    var json = new StringBuilder("{\"Network\":\"10.3.0.0/16\"");
    for (int i = 0; json.length() < (1 << 20) - 100; i++) {
      json.append(",\"").append(i).append("\":{}");
    }
    assertValidOrRefused(json.append('}').toString());
  }
}
