package io.jaconet.overlay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.internal.SeededRandom;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LeaseAttributesTest {
  private static final String DUAL =
      "{\"PublicIP\":\"192.0.2.2\",\"PublicIPv6\":\"2001:db8::2\",\"BackendType\":\"vxlan\","
          + "\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"1a:2b:3c:4d:5e:6f\"},\"BackendV6Data\":{\"VNI\":1,\"VtepMAC\":\"62:00:00:00:00:01\"}}";

  /** Records that flanneld v0.20.2 wrote, with addresses of the documentation ranges. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"PublicIP\":\"192.0.2.1\",\"PublicIPv6\":null}",
        "{\"PublicIP\":\"0.0.0.0\",\"PublicIPv6\":\"2001:db8::1\"}",
        "{\"PublicIP\":\"192.0.2.2\",\"PublicIPv6\":null,\"BackendType\":\"host-gw\"}",
        "{\"PublicIP\":\"192.0.2.2\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\",\"BackendData\":{\"VNI\":7,\"VtepMAC\":\"6e:2a:d9:f9:c7:5e\"}}",
        DUAL
      })
  void writesBackWhatFlanneldWrote(String record) {
    assertEquals(record, LeaseAttributes.parse(record).toJson());
    assertEquals(record, LeaseAttributesJson.readAnySpelling(record).toJson());
  }

  @Test
  void readsEveryPartOfARecord() {
    var attributes = LeaseAttributes.parse(DUAL);

    assertEquals(Optional.of(IpAddress.parse("192.0.2.2")), attributes.publicIp(IpFamily.V4));
    assertEquals(Optional.of(IpAddress.parse("2001:db8::2")), attributes.publicIp(IpFamily.V6));
    assertEquals("vxlan", attributes.backendType());
    assertEquals(
        Optional.of("{\"VNI\":1,\"VtepMAC\":\"1a:2b:3c:4d:5e:6f\"}"),
        attributes.backendData(IpFamily.V4));
    assertEquals(
        Optional.of("{\"VNI\":1,\"VtepMAC\":\"62:00:00:00:00:01\"}"),
        attributes.backendData(IpFamily.V6));
  }

  @Test
  void writesWhatWasPutTogetherByHand() {
    var attributes = LeaseAttributes.of(
        "vxlan",
        Map.of(IpFamily.V4, IpAddress.parse("192.0.2.2")),
        Map.of(IpFamily.V4, "{ \"VNI\": 7, \"List\": [1, 2.50, null] }"));

    assertEquals(
        "{\"PublicIP\":\"192.0.2.2\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\",\"BackendData\":{\"VNI\":7,\"List\":[1,2.50,null]}}",
        attributes.toJson());
    assertEquals(attributes, LeaseAttributes.parse(attributes.toJson()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'publicip':'1.2.3.4','backendtype':'x','PUBLICIPV6':null}              | {'PublicIP':'1.2.3.4','PublicIPv6':null,'BackendType':'x'}",
        "{}                                                                      | {'PublicIP':'0.0.0.0','PublicIPv6':null}",
        "{'PublicIP':'1.2.3.4','Future':{'a':[1]},'BackendData':null}            | {'PublicIP':'1.2.3.4','PublicIPv6':null}",
        " { 'PublicIP' : '1.2.3.4' , 'BackendData' : [ 1 , { 'a' : 'b c' } ] }   | {'PublicIP':'1.2.3.4','PublicIPv6':null,'BackendData':[1,{'a':'b c'}]}",
        "{'PublicIP':'1.2.3.4','PublicIP':'1.2.3.5','publicIp':'1.2.3.6'}        | {'PublicIP':'1.2.3.6','PublicIPv6':null}",
        "{'PublicIPv6':'::','BackendType':null}                                  | {'PublicIP':'0.0.0.0','PublicIPv6':null}"
      })
  void readsOtherSpellingsAsFlanneldDoes(String record, String canonical) {
    assertEquals(
        canonical.replace('\'', '"'),
        LeaseAttributes.parse(record.replace('\'', '"')).toJson());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'PublicIP':null}                        | PublicIP is null; it must be an IPv4 address, such as 192.0.2.1",
        "{'PublicIP':''}                          | PublicIP is \"\"; it must be an IPv4 address, such as 192.0.2.1",
        "{'PublicIP':16909060}                    | PublicIP is 16909060; it must be an IPv4 address, such as 192.0.2.1",
        "{'PublicIP':'2001:db8::1'}               | PublicIP is \"2001:db8::1\"; it must be an IPv4 address, such as 192.0.2.1",
        "{'PublicIP':'2001:db8::1','PublicIPv6':null} | PublicIP is \"2001:db8::1\"; it must be an IPv4 address, such as 192.0.2.1",
        "{'PublicIPv6':'192.0.2.1'}               | PublicIPv6 is \"192.0.2.1\"; it must be an IPv6 address, such as 2001:db8::1",
        "{'PublicIPv6':'fe80::1%eth0'}            | PublicIPv6 is \"fe80::1%eth0\"; it must be an IPv6 address, such as 2001:db8::1",
        "{'BackendType':7}                        | BackendType is 7; it must be a string, such as \"\"",
        "{'BackendType':'a\\nb'}                  | BackendType is \"a\\nb\"; it must be a backend's name, such as vxlan",
        "[]                                       | the lease value is []; it must be an object, such as {\"PublicIP\":\"192.0.2.1\",\"PublicIPv6\":null}",
        "hello                                    | the lease value is not JSON at line 1 column 1; it must be an object, such as {}",
        "{'PublicIP':'1.2.3.4'                    | the lease value is not JSON at line 1 column 22; it must be an object, such as {}",
        "{'PublicIP':'192.0.2.1','PublicIPv6':null}x | the lease value is not JSON at line 1 column 44; it must be an object, such as {}"
      })
  void saysWhatIsWrongWithARecord(String record, String message) {
    var refusal = assertThrows(
        IllegalArgumentException.class, () -> LeaseAttributes.parse(record.replace('\'', '"')));

    assertEquals(message, refusal.getMessage());
  }

  @Test
  void readsNoRecordLargerThanItsLimit() {
    String record = "{\"PublicIP\":\"192.0.2.1\",\"PublicIPv6\":null,\"BackendData\":{\"a\":\""
        + "x".repeat(1_500_000) + "\"}}";

    var refusal = assertThrows(IllegalArgumentException.class, () -> LeaseAttributes.parse(record));

    assertEquals(
        "the lease value has 1500065 characters; at most 65536 are read", refusal.getMessage());
  }

  @Test
  void readsNoRecordNestedDeeperThanItsLimit() {
    var refusal = assertThrows(
        IllegalArgumentException.class,
        () -> LeaseAttributes.parse(
            "{\"BackendData\":" + "[".repeat(10_000) + "]".repeat(10_000) + "}"));

    assertEquals("the lease value is nested more than 64 levels deep", refusal.getMessage());
  }

  /** Class S: whatever a node may write gives attributes or a short printable reason, and the two readers agree. */
  @Test
  void meetsGarbageWithAValueOrAReason(TestReporter reporter) {
    var garbage = new Garbage(SeededRandom.reportedTo(reporter));
    for (int i = 0; i < 20_000; i++) {
      String record = garbage.mutation(DUAL);
      var spelledAsByFlannel = FlannelSpelling.read(record);
      long start = System.nanoTime();
      try {
        var attributes = LeaseAttributesJson.readAnySpelling(record);
        assertEquals(attributes, LeaseAttributes.parse(attributes.toJson()), record);
        if (spelledAsByFlannel != null) {
          assertEquals(attributes, spelledAsByFlannel, record);
        }
      } catch (IllegalArgumentException e) {
        Garbage.assertGoodMessage(e, record);
        assertEquals(null, spelledAsByFlannel, record);
      }
      Garbage.assertQuick(start, record);
    }
  }

  /** Class S: each member with each bad value. */
  @Test
  void namesTheMemberAndTheValueAtFault(TestReporter reporter) {
    var garbage = new Garbage(SeededRandom.reportedTo(reporter));
    for (String member :
        List.of("PublicIP", "PublicIPv6", "BackendType", "BackendData", "BackendV6Data")) {
      for (String value : garbage.values()) {
        String record = DUAL.substring(0, DUAL.length() - 1) + ",\"" + member + "\":" + value + "}";
        try {
          assertNotNull(LeaseAttributes.parse(record));
        } catch (IllegalArgumentException e) {
          Garbage.assertGoodMessage(e, record);
          assertTrue(
              String.valueOf(e.getMessage()).matches("(" + member + "|the lease value) .*"),
              e.getMessage());
        }
      }
    }
  }

  /** Class S: keys. */
  @Test
  void meetsGarbageKeysWithSubnetsOrAReason(TestReporter reporter) {
    var garbage = new Garbage(SeededRandom.reportedTo(reporter));
    for (int i = 0; i < 20_000; i++) {
      String key = garbage.mutation("10.5.52.0-24&fd00:12:13::-56");
      long start = System.nanoTime();
      try {
        assertEquals(key, Subnets.parseKey(key).key());
      } catch (IllegalArgumentException e) {
        Garbage.assertGoodMessage(e, key);
      }
      Garbage.assertQuick(start, key);
    }
  }
}
