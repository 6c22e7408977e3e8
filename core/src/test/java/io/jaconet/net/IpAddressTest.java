package io.jaconet.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.net.InetAddresses;
import io.jaconet.internal.SeededRandom;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IpAddressTest {
  private static final int CASES = 50_000;

  @Test
  void agreesWithTheJdkOnBytesAndText(TestReporter reporter) throws Exception {
    var random = SeededRandom.reportedTo(reporter);
    for (int i = 0; i < CASES; i++) {
      byte[] bytes = sparse(random, random.nextBoolean() ? 4 : 16);
      var address = IpAddress.fromBytes(bytes);
      var model = InetAddress.getByAddress(bytes);

      assertArrayEquals(bytes, address.toBytes());
      assertEquals(address, IpAddress.parse(address.toString()));
      if (!address.isV4Mapped()) {
        assertEquals(InetAddresses.toAddrString(model), address.toString());
        assertEquals(model, InetAddresses.forString(address.toString()));
        assertEquals(address, IpAddress.parse(model.getHostAddress()));
      }
    }
  }

  @Test
  void takesAndRefusesTheTextsThatGuavaTakesAndRefuses(TestReporter reporter) {
    var random = SeededRandom.reportedTo(reporter);
    for (int i = 0; i < CASES; i++) {
      String text = mutated(
          random,
          IpAddress.fromBytes(sparse(random, random.nextBoolean() ? 4 : 16)).toString());

      // What Guava reads beside RFC 4291 is a zone.
      boolean valid = InetAddresses.isInetAddress(text) && text.indexOf('%') < 0;
      if (valid) {
        var model = InetAddresses.forString(text);
        var address = IpAddress.parse(text);
        // InetAddress turns an IPv4-mapped address into an IPv4 one.
        if (!(model instanceof Inet4Address && address.family() == IpFamily.V6)) {
          assertArrayEquals(model.getAddress(), address.toBytes(), text);
        }
      } else {
        assertThrows(IllegalArgumentException.class, () -> IpAddress.parse(text), text);
      }
    }
  }

  private static byte[] sparse(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    int zeros = random.nextInt(length + 1);
    int from = random.nextInt(length + 1);
    for (int i = from; i < Math.min(length, from + zeros); i++) {
      bytes[i] = 0;
    }
    return bytes;
  }

  private static String mutated(Random random, String text) {
    var mutated = new StringBuilder(text);
    for (int changes = random.nextInt(3); changes > 0; changes--) {
      char c = "0123456789abcdefF.:::g%/ ".charAt(random.nextInt(25));
      int at = random.nextInt(mutated.length());
      switch (random.nextInt(3)) {
        case 0 -> mutated.setCharAt(at, c);
        case 1 -> mutated.insert(at, c);
        default -> mutated.delete(at, mutated.length() == 1 ? at : at + 1);
      }
    }
    return mutated.toString();
  }

  @ParameterizedTest
  @CsvSource({
    "2001:DB8::1,                    2001:db8::1",
    "2001:db8:0:0:1:0:0:1,           2001:db8::1:0:0:1",
    "2001:db8:0:1:1:1:1:1,           2001:db8:0:1:1:1:1:1",
    "0:0:0:0:0:0:0:0,                ::",
    "2001:db8:0:0:0:0:0:0,           2001:db8::",
    "fd55:0:0:29:0:0:0:0,            fd55:0:0:29::",
    "64:ff9b::192.0.2.33,            64:ff9b::c000:221",
    "::ffff:192.0.2.1,               ::ffff:192.0.2.1"
  })
  void printsAsRfc5952Says(String text, String canonical) {
    assertEquals(canonical, IpAddress.parse(text).toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ".",
        ":",
        ":::",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1..2.3",
        "0x7f.1.1.1",
        "127.1",
        "example.org",
        "::1%eth0",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "::1::",
        "12345::",
        "1.2.3.4::",
        "::1.2.3",
        "1:2:3:4:5:6:7:1.2.3.4",
        "١.2.3.4"
      })
  void refusesWhatIsNoAddress(String text) {
    var refusal = assertThrows(IllegalArgumentException.class, () -> IpAddress.parse(text));

    assertEquals("'" + text + "' is not an IP address", refusal.getMessage());
  }

  @Test
  void refusesLongAndHostileTextInAShortMessage() {
    var refusal = assertThrows(
        IllegalArgumentException.class, () -> IpAddress.parse("\u001b[2J" + "1".repeat(1 << 20)));

    assertEquals(
        "'\\u001b[2J" + "1".repeat(55) + "...' is not an IP address", refusal.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "10.0.0.1",
        "192.0.2.1",
        "100.64.0.1",
        "2001:db8::1",
        "fd00::1",
        "fe80::1",
        "169.254.1.1"
      })
  void countsAHostsAddressAsUnicast(String text) {
    assertTrue(IpAddress.parse(text).isHostUnicast());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "ff02::1",
        "::ffff:10.0.0.1"
      })
  void countsNoSpecialAddressAsUnicast(String text) {
    assertFalse(IpAddress.parse(text).isHostUnicast());
  }

  @Test
  void doesNotCountPastTheLastAddress() {
    assertEquals(IpAddress.parse("10.0.1.0"), IpAddress.parse("10.0.0.255").plus(1));
    assertEquals(
        IpAddress.parse("fd00:0:0:1::"),
        IpAddress.parse("fd00::ffff:ffff:ffff:ffff").plus(1));
    assertThrows(
        ArithmeticException.class, () -> IpAddress.parse("255.255.255.255").plus(1));
    assertThrows(
        ArithmeticException.class,
        () -> IpAddress.parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").plus(1));
    assertThrows(ArithmeticException.class, () -> IpAddress.parse("0.0.0.1").plus(Long.MAX_VALUE));
  }
}
