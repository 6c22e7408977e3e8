package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression that is searched for, unanchored, in interface names and addresses, and that cannot hang. flannel's
 * engine takes linear time; Java's backtracks, so a search may look at a fixed number of characters, far above what a sensible
 * pattern needs for a text of at most 45, and repetitions that could be forced without looking at any are bounded as in RE2.
 */
final class InterfacePattern {
  private static final int MAX_PATTERN_LENGTH = 256;
  private static final int MAX_FORCED_REPEATS = 1000;
  private static final int MAX_LOOKS = 100_000;
  private static final Pattern FORCED_REPEAT = Pattern.compile("\\{(\\d+)");

  private final Pattern pattern;

  private InterfacePattern(Pattern pattern) {
    this.pattern = pattern;
  }

  /**
   * Compiles {@code text}.
   *
   * @throws IllegalArgumentException if it is no regular expression, too long, or repeats too much
   */
  static InterfacePattern compile(String text) {
    checkArgument(!text.isEmpty(), "an interface pattern must not be empty");
    checkArgument(
        text.length() <= MAX_PATTERN_LENGTH,
        "an interface pattern has at most %s characters, not %s",
        MAX_PATTERN_LENGTH,
        text.length());
    checkRepeats(text);
    try {
      return new InterfacePattern(Pattern.compile(text));
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "interface pattern '" + text + "': " + e.getDescription(), e);
    }
  }

  private static void checkRepeats(String text) {
    double repeats = 1;
    for (var match = FORCED_REPEAT.matcher(text); match.find(); ) {
      repeats *= Math.max(1, Double.parseDouble(match.group(1)));
    }
    checkArgument(
        repeats <= MAX_FORCED_REPEATS,
        "interface pattern '%s' repeats up to %s times; at most %s are allowed",
        text,
        repeats,
        MAX_FORCED_REPEATS);
  }

  /**
   * Returns whether the pattern occurs in {@code text}.
   *
   * @throws TooCostlyException if the search takes too long to tell
   */
  boolean occursIn(String text) throws TooCostlyException {
    try {
      return pattern.matcher(new MeteredText(text)).find();
    } catch (LooksExhausted e) {
      throw new TooCostlyException(text);
    }
  }

  @Override
  public String toString() {
    return pattern.pattern();
  }

  /** A search that was given up. */
  static final class TooCostlyException extends Exception {
    private final String text;

    TooCostlyException(String text) {
      this.text = text;
    }

    String reason() {
      return "the search in '" + text
          + "' takes too long; simplify nested repetitions such as (a+)+";
    }
  }

  private static final class LooksExhausted extends RuntimeException {
    LooksExhausted() {
      super(null, null, false, false);
    }
  }

  private static final class MeteredText implements CharSequence {
    private final String text;
    private int looksLeft = MAX_LOOKS;

    MeteredText(String text) {
      this.text = text;
    }

    @Override
    public char charAt(int index) {
      if (--looksLeft < 0) {
        throw new LooksExhausted();
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.subSequence(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
