package io.jaconet.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.internal.SeededRandom;
import java.math.BigInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IpPrefixTest {

  /** A prefix as a range of plain numbers. */
  private record Range(IpFamily family, BigInteger first, BigInteger last) {
    static Range of(IpPrefix prefix) {
      var size = BigInteger.ONE.shiftLeft(prefix.family().bits() - prefix.length());
      var first = number(prefix.base()).divide(size).multiply(size);
      return new Range(prefix.family(), first, first.add(size).subtract(BigInteger.ONE));
    }

    static BigInteger number(IpAddress address) {
      return new BigInteger(1, address.toBytes());
    }

    boolean contains(BigInteger n) {
      return first.compareTo(n) <= 0 && n.compareTo(last) <= 0;
    }

    boolean contains(Range other) {
      return family == other.family && contains(other.first) && contains(other.last);
    }

    boolean overlaps(Range other) {
      return family == other.family
          && first.compareTo(other.last) <= 0
          && other.first.compareTo(last) <= 0;
    }
  }

  @Test
  void computesLikeRangesOfNumbers(TestReporter reporter) {
    var random = SeededRandom.reportedTo(reporter);
    for (int i = 0; i < 50_000; i++) {
      var a = random(random);
      var b = random.nextBoolean()
          ? random(random)
          : new IpPrefix(a.base(), random.nextInt(a.family().bits() + 1));
      var rangeA = Range.of(a);
      var rangeB = Range.of(b);
      String both = a + " and " + b;

      assertEquals(rangeA.first, Range.number(a.base()), both);
      assertEquals(rangeA.last, Range.number(a.last()), both);
      assertEquals(rangeA.contains(rangeB), a.contains(b), both);
      assertEquals(rangeA.overlaps(rangeB), a.overlaps(b), both);
      assertEquals(
          a.family() == b.family() && rangeA.contains(rangeB.first), a.contains(b.base()), both);
      assertEquals(a, IpPrefix.parse(a.toString()));
      assertNext(a, rangeA);
    }
  }

  private static IpPrefix random(SeededRandom random) {
    var family = random.nextBoolean() ? IpFamily.V4 : IpFamily.V6;
    byte[] bytes = new byte[family.addressBytes()];
    random.nextBytes(bytes);
    if (random.nextInt(4) == 0) {
      java.util.Arrays.fill(bytes, (byte) (random.nextBoolean() ? 0xff : 0));
    }
    return new IpPrefix(IpAddress.fromBytes(bytes), random.nextInt(family.bits() + 1));
  }

  private static void assertNext(IpPrefix prefix, Range range) {
    var next = range.last.add(BigInteger.ONE);
    if (next.bitLength() > prefix.family().bits()) {
      assertThrows(ArithmeticException.class, prefix::next, prefix.toString());
    } else {
      assertEquals(next, Range.number(prefix.next().base()), prefix.toString());
      assertEquals(prefix.length(), prefix.next().length());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/",
        "10.0.0.0",
        "10.0.0.0/",
        "/8",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/8 ",
        "10.0.0.0/8/8",
        "10.0.0.0/99999999999",
        "::/129",
        "10.0.0.0/٨"
      })
  void refusesWhatIsNoPrefix(String text) {
    assertThrows(IllegalArgumentException.class, () -> IpPrefix.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "10.0.0.0/8",
        "11.0.0.0/8",
        "192.0.2.0/24",
        "100.64.0.0/10",
        "240.0.0.0/8",
        "2001:db8::/32",
        "fd00::/8"
      })
  void countsHostsAddressesAsUnicast(String text) {
    assertTrue(IpPrefix.parse(text).isUnicast());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0.0.0.0/0",
        "0.0.0.0/1",
        "0.0.0.0/16",
        "127.0.0.0/8",
        "127.1.0.0/16",
        "126.0.0.0/7",
        "169.254.7.0/24",
        "224.0.0.0/4",
        "239.0.0.0/8",
        "255.255.255.0/24",
        "::/0",
        "::/64",
        "::1.2.3.0/120",
        "::ffff:10.0.0.0/104",
        "fe80::/64",
        "ff00::/8"
      })
  void countsNoPrefixWithASpecialAddressAsUnicast(String text) {
    assertFalse(IpPrefix.parse(text).isUnicast());
  }

  @Test
  void sortsAPrefixBeforeAllThatItContains() {
    var wide = IpPrefix.parse("10.0.0.0/8");
    var narrow = IpPrefix.parse("10.0.0.0/16");

    assertTrue(wide.compareTo(narrow) < 0);
    assertTrue(narrow.compareTo(IpPrefix.parse("11.0.0.0/8")) < 0);
    assertTrue(IpPrefix.parse("255.0.0.0/8").compareTo(IpPrefix.parse("::/0")) < 0);
  }
}
