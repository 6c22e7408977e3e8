package io.jaconet.flanneld;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.jaconet.flanneld.Flag.Kind;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What was given for the flags, on the command line or, where it says nothing, in the environment. Words are taken apart as flanneld does
 * it: {@code -x v}, {@code -x=v}, also with two dashes; a switch never takes the next word.
 */
final class FlagValues {
  private static final int MAX_SHOWN = 200;

  private final ImmutableMap<Flag, Given> given;

  private FlagValues(Map<Flag, Given> given) {
    this.given = Maps.immutableEnumMap(given);
  }

  /**
   * The values of one flag.
   *
   * @param source the flag as it was written, or the environment variable
   * @param values one, for a list any number
   */
  record Given(Flag flag, String source, ImmutableList<String> values) {
    String last() {
      return values.get(values.size() - 1);
    }

    /** Returns what to throw for a value that is not possible. */
    IllegalArgumentException wrong(String value, String allowed) {
      var shown = value.length() > MAX_SHOWN ? value.substring(0, MAX_SHOWN) + "..." : value;
      return new IllegalArgumentException(source + ": "
          + (flag.kind == Kind.SECRET ? "this value" : "'" + shown + "'")
          + " is not possible; allowed: " + allowed);
    }

    /** Returns what to throw for a flag that asks for what cannot be done. */
    IllegalArgumentException refused(String why) {
      return new IllegalArgumentException(source + ": " + why);
    }
  }

  /**
   * Takes the words of the command line apart, and adds the environment's.
   *
   * @throws IllegalArgumentException if a flag does not exist, lacks its value, or a word is none
   */
  static FlagValues parse(List<String> words, Map<String, String> environment) {
    var given = new EnumMap<Flag, Given>(Flag.class);
    int at = 0;
    while (at < words.size()) {
      var word = words.get(at++);
      if (word.equals("--") && at == words.size()) {
        break;
      }
      int dashes = word.startsWith("--") ? 2 : 1;
      if (!word.startsWith("-") || word.length() == dashes) {
        throw new IllegalArgumentException(
            "'" + word + "' is no flag; a switch takes its value as in"
                + " --ip-masq=false, and nothing may follow the flags");
      }
      int equals = word.indexOf('=');
      var name = word.substring(dashes, equals < 0 ? word.length() : equals);
      var flag = Flag.named(name)
          .orElseThrow(() -> new IllegalArgumentException("there is no flag --" + name));
      String value;
      if (equals >= 0) {
        value = word.substring(equals + 1);
      } else if (flag.kind == Kind.SWITCH) {
        value = "true";
      } else if (at < words.size()) {
        value = words.get(at++);
      } else {
        throw new IllegalArgumentException(
            "--" + name + ": the value is missing, as in --" + name + "=VALUE");
      }
      add(given, flag, "--" + flag.label(), value);
    }
    addMissing(given, environment);
    return new FlagValues(given);
  }

  private static void add(Map<Flag, Given> given, Flag flag, String source, String value) {
    var before = given.get(flag);
    var values = ImmutableList.<String>builder();
    if (before != null && flag.kind == Kind.LIST) {
      values.addAll(before.values());
    }
    given.put(flag, new Given(flag, source, values.add(value).build()));
  }

  private static void addMissing(Map<Flag, Given> given, Map<String, String> environment) {
    for (var flag : Flag.values()) {
      var variable = flag.variable().orElse("");
      var value = environment.getOrDefault(variable, "");
      if (!value.isEmpty() && !given.containsKey(flag)) {
        given.put(flag, new Given(flag, variable, ImmutableList.of(value)));
      }
    }
  }

  /** Returns what was given for {@code flag}; null if nothing was. */
  @Nullable
  Given given(Flag flag) {
    return given.get(flag);
  }

  /** Returns what was given for {@code flag}, else its default. */
  Given get(Flag flag) {
    var values = given.get(flag);
    return values != null
        ? values
        : new Given(
            flag,
            "--" + flag.label(),
            flag.kind == Kind.LIST ? ImmutableList.of() : ImmutableList.of(flag.preset));
  }

  String text(Flag flag) {
    return get(flag).last();
  }

  /** Reads what Go takes for a truth value. */
  boolean isOn(Flag flag) {
    var values = get(flag);
    return switch (values.last()) {
      case "1", "t", "T", "TRUE", "true", "True" -> true;
      case "0", "f", "F", "FALSE", "false", "False" -> false;
      default -> throw values.wrong(values.last(), "true or false");
    };
  }

  /** Reads a whole number as Go does: decimal, or with 0x, 0o, 0b or 0 before it. */
  int number(Flag flag, int min, int max) {
    var values = get(flag);
    try {
      long number = number(values.last());
      if (number >= min && number <= max) {
        return (int) number;
      }
    } catch (NumberFormatException e) {
      // The same answer as for a number that is out of range.
    }
    throw values.wrong(values.last(), "a whole number from " + min + " to " + max);
  }

  private static long number(String text) {
    boolean negative = text.startsWith("-");
    var digits = negative || text.startsWith("+") ? text.substring(1) : text;
    if (digits.startsWith("-") || digits.startsWith("+")) {
      throw new NumberFormatException(text);
    }
    var prefix = digits.length() > 2 ? digits.substring(0, 2) : "";
    long number = switch (prefix) {
      case "0x", "0X" -> Long.parseLong(digits.substring(2), 16);
      case "0o", "0O" -> Long.parseLong(digits.substring(2), 8);
      case "0b", "0B" -> Long.parseLong(digits.substring(2), 2);
      default ->
        digits.startsWith("0") && digits.length() > 1
            ? Long.parseLong(digits.substring(1), 8)
            : Long.parseLong(digits);
    };
    return negative ? -number : number;
  }

  /** Returns what was given, for the log: without secrets. */
  @Override
  public String toString() {
    var text = new StringBuilder();
    for (var values : given.values()) {
      for (var value : values.values()) {
        text.append(text.length() == 0 ? "" : " ")
            .append("--")
            .append(values.flag().label());
        text.append('=').append(values.flag().kind == Kind.SECRET ? "<hidden>" : hideUser(value));
      }
    }
    return text.toString();
  }

  /** A URL may have a password in it. */
  private static String hideUser(String value) {
    return value.replaceAll("//[^/@,]*@", "//<hidden>@");
  }
}
