package io.jaconet.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MacAddressTest {

  @Test
  void readsBothCasesAndPrintsLowerCaseWithAllZeros() {
    assertEquals("0a:00:ff:01:02:0b", MacAddress.parse("0A:00:fF:01:02:0b").toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "02:42:ac:11:00",
        "02:42:ac:11:00:02:03",
        "02-42-ac-11-00-02",
        "2:42:ac:11:00:02",
        "02:42:ac:11:00:0g",
        "02:42:ac:11:00:+2",
        "02:42:ac:1100::02",
        "02:42:ac:11:00:0\u0662"
      })
  void refusesWhatIsNotSixPairsOfDigitsAndSaysHowOneLooks(String text) {
    var refused = assertThrows(IllegalArgumentException.class, () -> MacAddress.parse(text));

    assertTrue(String.valueOf(refused.getMessage())
        .endsWith("is not a MAC address such as 02:42:ac:11:00:02"));
  }

  @Test
  void isTheSameAddressFromTextAndFromBytes() {
    var mac = MacAddress.parse("02:42:ac:11:00:02");

    assertEquals(mac, MacAddress.fromBytes(mac.toBytes()));
    assertEquals(mac.hashCode(), MacAddress.fromBytes(mac.toBytes()).hashCode());
  }
}
