package io.jaconet.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrintableTest {

  @Test
  void leavesOrdinaryTextAlone() {
    assertEquals(
        "10.244.0.0/16 in Köln, 東京 \uD83D\uDE00",
        Printable.of("10.244.0.0/16 in Köln, 東京 \uD83D\uDE00"));
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        '\r', '\n', 0, 0x1b, 0x7f, 0x85, 0x9b, 0x202e, 0x2066, 0x200d, 0x2028, 0x2029, 0xd800,
        0xdc00, 0xfeff, 0xe000
      })
  void escapesWhatATerminalOrALogObeys(int character) {
    assertEquals(String.format("a\\u%04xb", character), Printable.of("a" + (char) character + "b"));
  }

  @Test
  void showsTheBeginningOfALongText() {
    String printable = Printable.of("x".repeat(1 << 20));

    assertEquals("x".repeat(64) + "...", printable);
  }

  @Test
  void doesNotSplitAPairOfSurrogates() {
    String printable = Printable.of("x".repeat(63) + "\uD83D\uDE00y");

    assertTrue(printable.endsWith("\uD83D\uDE00..."), printable);
  }
}
