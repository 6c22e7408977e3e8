package io.jaconet.overlay;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.internal.Printable;
import io.jaconet.internal.SeededRandom;
import java.time.Duration;
import java.util.List;

/** What nodes and operators write by mistake or malice, out of a seed. */
final class Garbage {
  /** Far more than any input takes even on a busy machine, and far less than work that grows faster than its input. */
  private static final Duration LIMIT = Duration.ofSeconds(5);

  private static final List<String> FRAGMENTS = List.of(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "\"",
      "\\",
      "\\u0000",
      "\\ud800",
      "\\u202e",
      "null",
      "true",
      "NaN",
      "Infinity",
      "-0",
      "1e999",
      "1e999999999",
      "0.5",
      "'",
      "/*",
      "//",
      " ",
      "\n",
      "\r",
      "\u001b[2J",
      "\u202e",
      "\ufeff",
      "\ud800",
      "\u0000",
      "..",
      "/",
      "-",
      "&",
      "::",
      "0",
      "00",
      "255",
      "256",
      "4294967296",
      "é",
      "\ud83d\ude00");

  private static final List<String> VALUES = List.of(
      "null",
      "true",
      "false",
      "[]",
      "{}",
      "[[]]",
      "\"\"",
      "0",
      "-0",
      "-1",
      "1",
      "24",
      "31",
      "32",
      "33",
      "126",
      "127",
      "255",
      "256",
      "65536",
      "16777216",
      "2147483648",
      "-2147483649",
      "9223372036854775808",
      "1e999",
      "-1e999",
      "1e999999999",
      "1E2",
      "24.0",
      "0.5",
      "NaN",
      "Infinity",
      "\"24\"",
      "\"NaN\"",
      "\"true\"",
      "\"\\u0000\"",
      "\"\\ud800\"",
      "\"\\u202e\"",
      "\"\\n\"",
      "\"../..\"",
      "\"0.0.0.0\"",
      "\"0.0.0.0/0\"",
      "\"::\"",
      "\"::/0\"",
      "\"10.0.0.0\"",
      "\"10.0.0.1\"",
      "\"10.0.0.0/31\"",
      "\"10.0.0.0/32\"",
      "\"10.0.0.0/33\"",
      "\"10.0.0.0/-1\"",
      "\"10.1.2.3/16\"",
      "\"010.0.0.0/16\"",
      "\"127.0.0.0/8\"",
      "\"127.0.0.1\"",
      "\"169.254.0.0/16\"",
      "\"224.0.0.0/4\"",
      "\"224.0.0.1\"",
      "\"255.255.255.255\"",
      "\"255.255.255.0/24\"",
      "\"::1\"",
      "\"::1.2.3.4\"",
      "\"::ffff:10.0.0.1\"",
      "\"::ffff:10.0.0.0/112\"",
      "\"fe80::1%eth0\"",
      "\"fe80::/64\"",
      "\"ff02::1\"",
      "\"2001:db8::/32\"",
      "\"2001:db8::/129\"",
      "\"vxlan\"",
      "\"VXLAN\"",
      "\"no such backend\"",
      "{\"Type\":null}",
      "{\"Type\":\"\"}",
      "{\"Type\":[\"vxlan\"]}",
      "{\"type\":\"vxlan\",\"VNI\":-1}",
      "[1,2,3]",
      "\"" + "x".repeat(70_000) + "\"",
      "[".repeat(70) + "]".repeat(70));

  private final SeededRandom random;

  Garbage(SeededRandom random) {
    this.random = random;
  }

  /** Returns JSON values of every kind, most of which fit nowhere. */
  List<String> values() {
    return VALUES;
  }

  /** Returns {@code text} with up to four places cut, doubled, swapped, or overwritten. */
  String mutation(String text) {
    var mutated = new StringBuilder(text);
    for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
      int at = random.nextInt(mutated.length() + 1);
      int end = Math.min(mutated.length(), at + random.nextInt(12));
      switch (random.nextInt(7)) {
        case 0 -> mutated.delete(at, end);
        case 1 -> mutated.insert(at, mutated.substring(at, end));
        case 2 -> mutated.replace(at, end, random.oneOf(FRAGMENTS));
        case 3 -> mutated.insert(at, random.oneOf(FRAGMENTS));
        case 4 -> mutated.insert(at, random.oneOf(VALUES));
        case 5 -> mutated.insert(at, (char) random.nextInt(0x10000));
        default -> mutated.insert(at, random.oneOf(FRAGMENTS).repeat(1 + random.nextInt(200)));
      }
    }
    return mutated.toString();
  }

  /** Checks that the message is there, short, and fit for a terminal. */
  static void assertGoodMessage(IllegalArgumentException refusal, String input) {
    String message = refusal.getMessage();
    assertTrue(
        message != null && message.length() > 10 && message.length() < 300,
        () -> message + " for " + Printable.of(input));
    assertFalse(String.valueOf(message).chars().anyMatch(Character::isISOControl), message);
    for (String hostile : List.of("\u202e", "\u2028")) {
      assertFalse(String.valueOf(message).contains(hostile), message);
    }
  }

  static void assertQuick(long startNanos, String input) {
    var took = Duration.ofNanos(System.nanoTime() - startNanos);
    assertTrue(took.compareTo(LIMIT) < 0, () -> took + " for " + Printable.of(input));
  }
}
