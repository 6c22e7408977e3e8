package io.jaconet.iptables;

import com.google.common.base.CharMatcher;
import com.google.common.collect.ImmutableList;
import io.jaconet.iptables.RuleChain.Purpose;
import io.jaconet.iptables.TrafficRule.Verdict;
import java.util.stream.Collectors;

/**
 * A rule in the words of iptables, without the chain that it is in. The order of the words is that of {@code iptables-save}, which is
 * also flannel's.
 */
record Rule(ImmutableList<String> words) {
  private static final CharMatcher PLAIN =
      CharMatcher.inRange('!', '~').and(CharMatcher.noneOf("\"'\\"));

  static Rule of(String... words) {
    return new Rule(ImmutableList.copyOf(words));
  }

  /** Returns the rule that leads from the hook of {@code purpose} to our chain. */
  static Rule jump(Purpose purpose) {
    return of("-m", "comment", "--comment", purpose.comment, "-j", purpose.chain);
  }

  static Rule of(TrafficRule rule, Purpose purpose, boolean randomFully) {
    var words = ImmutableList.<String>builder();
    if (rule.source() != null) {
      add(words, "-s", rule.source());
    }
    if (rule.destination() != null) {
      add(words, "-d", rule.destination());
    }
    if (rule.protocol() != null) {
      words.add("-p", rule.protocol());
    }
    if (rule.marked()) {
      var mark = "0x" + Integer.toHexString(TrafficRule.MARK);
      words.add("-m", "mark", "--mark", mark + "/" + mark);
    }
    words.add("-m", "comment", "--comment", purpose.comment);
    words.add("-j", rule.verdict().name());
    if (rule.ports() != null) {
      words.add("--to-ports", rule.ports().toString());
    }
    if (rule.verdict() == Verdict.MASQUERADE && randomFully) {
      words.add("--random-fully");
    }
    return new Rule(words.build());
  }

  private static void add(ImmutableList.Builder<String> words, String option, AddressMatch match) {
    if (!match.inside()) {
      words.add("!");
    }
    words.add(option, match.prefix().toString());
  }

  /** Returns the rules of a chain. */
  static ImmutableList<Rule> all(RuleChain chain, boolean randomFully) {
    return chain.rules().stream()
        .map(rule -> of(rule, chain.purpose(), randomFully))
        .collect(ImmutableList.toImmutableList());
  }

  /** Returns the chain or target that the rule ends in, empty if it has none. */
  String target() {
    for (int i = 0; i + 1 < words.size(); i++) {
      if (words.get(i).equals("-j") || words.get(i).equals("-g")) {
        return words.get(i + 1);
      }
    }
    return "";
  }

  /** Returns the line that {@code iptables-restore} reads. */
  @Override
  public String toString() {
    return words.stream().map(Rule::quoted).collect(Collectors.joining(" "));
  }

  private static String quoted(String word) {
    if (!word.isEmpty() && PLAIN.matchesAllOf(word)) {
      return word;
    }
    return '"' + word.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  /**
   * Returns the words of a line of {@code iptables-save}.
   *
   * @throws IllegalArgumentException if a quotation does not end
   */
  static ImmutableList<String> split(String line) {
    var words = ImmutableList.<String>builder();
    var word = new StringBuilder();
    boolean inWord = false;
    char quote = 0;
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (quote != 0 && c == '\\' && i + 1 < line.length()) {
        word.append(line.charAt(++i));
      } else if (quote != 0 && c == quote) {
        quote = 0;
      } else if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
        inWord = true;
      } else if (quote == 0 && c == ' ') {
        if (inWord) {
          words.add(word.toString());
          word.setLength(0);
        }
        inWord = false;
      } else {
        word.append(c);
        inWord = true;
      }
    }
    if (quote != 0) {
      throw new IllegalArgumentException("a quotation does not end: " + line);
    }
    return inWord ? words.add(word.toString()).build() : words.build();
  }
}
