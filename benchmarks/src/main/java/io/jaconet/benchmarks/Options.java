package io.jaconet.benchmarks;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a benchmark is asked for.
 *
 * @param rounds how often each thing is measured
 * @param peers the sizes of network to measure
 * @param changes how many changes of each kind
 * @param idle how long to watch a network that has nothing to do
 * @param cycles how often a network is opened and closed
 * @param json the file for the rows, null for none
 */
record Options(
    int rounds,
    ImmutableList<Integer> peers,
    int changes,
    Duration idle,
    int cycles,
    @Nullable Path json) {
  static final Options DEFAULT =
      new Options(5, ImmutableList.of(20_000, 100_000), 200, Duration.ofSeconds(60), 1_000, null);

  static final String HELP = """
        --rounds N      how often each thing is measured; default 5
        --peers N,N     sizes of network; default 20000,100000
        --changes N     how many changes of each kind; default 200
        --idle SECONDS  how long to watch an idle network; default 60
        --cycles N      how often a network is opened and closed; default 1000
        --json FILE     where to write the rows
      """;

  static Options parse(List<String> words) {
    var options = DEFAULT;
    for (Iterator<String> rest = words.iterator(); rest.hasNext(); ) {
      String name = rest.next();
      checkArgument(rest.hasNext(), "%s needs a value", name);
      options = options.with(name, rest.next());
    }
    return options;
  }

  private Options with(String name, String value) {
    return switch (name) {
      case "--rounds" -> new Options(number(name, value), peers, changes, idle, cycles, json);
      case "--peers" -> {
        var sizes = Splitter.on(',').splitToStream(value).map(size -> number(name, size));
        yield new Options(
            rounds, sizes.collect(ImmutableList.toImmutableList()), changes, idle, cycles, json);
      }
      case "--changes" -> new Options(rounds, peers, number(name, value), idle, cycles, json);
      case "--idle" ->
        new Options(rounds, peers, changes, Duration.ofSeconds(number(name, value)), cycles, json);
      case "--cycles" -> new Options(rounds, peers, changes, idle, number(name, value), json);
      case "--json" -> new Options(rounds, peers, changes, idle, cycles, Path.of(value));
      default -> throw new IllegalArgumentException("there is no option '" + name + "'");
    };
  }

  private static int number(String name, String value) {
    try {
      int number = Integer.parseInt(value);
      checkArgument(number > 0, "%s must be positive, not %s", name, number);
      return number;
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(name + " is a whole number, not '" + value + "'", e);
    }
  }
}
