package io.jaconet.internal;

/** Text from outside, made fit for a message or a log: short, on one line, with nothing that a terminal obeys. */
public final class Printable {
  private static final int MAX_CHARS = 64;

  private Printable() {}

  /**
   * Returns the beginning of {@code text}, some 64 characters, with controls, bidirectional and other format characters, line separators
   * and lone surrogates written as {@code \}{@code uXXXX}.
   */
  public static String of(String text) {
    var printable = new StringBuilder(Math.min(text.length(), MAX_CHARS) + 3);
    int i = 0;
    while (i < text.length() && printable.length() < MAX_CHARS) {
      int c = text.codePointAt(i);
      if (isPlain(c)) {
        printable.appendCodePoint(c);
      } else {
        printable.append(String.format(c > 0xffff ? "\\U%08x" : "\\u%04x", c));
      }
      i += Character.charCount(c);
    }
    return i < text.length() ? printable.append("...").toString() : printable.toString();
  }

  private static boolean isPlain(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.PRIVATE_USE,
          Character.SURROGATE,
          Character.UNASSIGNED -> false;
      default -> true;
    };
  }
}
