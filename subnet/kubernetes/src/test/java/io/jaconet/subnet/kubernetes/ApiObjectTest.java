package io.jaconet.subnet.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.stream.JsonReader;
import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ApiObjectTest {
  private static final String LIST = """
      {"kind":"NodeList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"next"},"items":[
      {"metadata":{"name":"a","uid":"u","resourceVersion":"5","creationTimestamp":"2026-01-02T03:04:05Z",
       "labels":{"x":"y"},"annotations":{"keep/this":"1","drop/that":"2"},"managedFields":[{"f":{"g":[1,2]}}]},
       "spec":{"podCIDR":"10.244.1.0/24","podCIDRs":["10.244.1.0/24","fd00::/64"],"taints":[{"key":"k"}]},
       "status":{"conditions":[{"type":"Ready","status":"True"}],"images":[{"names":["n"]}]}}]}
      """;

  private static List<Node> read(String json) throws IOException {
    var nodes = new ArrayList<Node>();
    ApiObject.read(
        new JsonReader(new StringReader(json)), name -> name.startsWith("keep/"), nodes::add);
    return nodes;
  }

  @Test
  void keepsOnlyWhatMatters() throws IOException {
    var node = read(LIST).get(0);

    assertEquals(Map.of("keep/this", "1"), node.annotations());
    assertEquals(List.of("10.244.1.0/24", "fd00::/64"), node.podCidrs());
    assertEquals(1_767_323_045, node.created());
    assertEquals(true, node.ready());
  }

  @Test
  void itemsThatAreNoNodesTakeNoneOfTheOthersAlong() throws IOException {
    var mixed = LIST.replace(
        "\"items\":[",
        "\"items\":[{},{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"abc\"}},"
            + "{\"metadata\":[]},{\"metadata\":{\"name\":{\"a\":1},\"resourceVersion\":[5]}},");

    assertEquals(1, read(mixed).size());
  }

  /** Class K of bad input: torn anywhere, or with any byte replaced, it is refused or read, and nothing else happens. */
  @Test
  void tornAndGarbledTextIsRefused() throws IOException {
    for (int end = 0; end < LIST.strip().length(); end++) {
      var torn = LIST.substring(0, end);
      assertThrows(IOException.class, () -> read(torn), torn);
    }
    long seed = new Random().nextLong();
    var random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      var garbled = new StringBuilder(LIST);
      for (int n = random.nextInt(3); n >= 0; n--) {
        garbled.setCharAt(
            random.nextInt(garbled.length()), "{}[]\",:0a\u0000".charAt(random.nextInt(10)));
      }
      readOrRefuse(garbled.toString(), seed);
    }
  }

  private static void readOrRefuse(String json, long seed) {
    try {
      read(json);
    } catch (IOException refused) {
      assertEquals(true, refused.getMessage() != null, () -> "seed " + seed);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "null", "[]", "5", "\"text\"", "{\"items\":[[]]}", "{\"code\":\"x\"}"})
  void whatIsNoObjectIsRefused(String json) {
    assertThrows(IOException.class, () -> read(json), json);
  }

  @Test
  void deepNestingIsRefused() {
    assertThrows(IOException.class, () -> read("{\"a\":" + "[".repeat(100_000)));
    assertThrows(IOException.class, () -> read("{\"items\":[".repeat(100_000)));
  }
}
