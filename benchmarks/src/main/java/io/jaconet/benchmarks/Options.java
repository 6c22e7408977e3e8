package io.jaconet.benchmarks;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.collect.ImmutableList.toImmutableList;
import static com.google.common.collect.ImmutableSet.toImmutableSet;
import static java.util.stream.Collectors.joining;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.immutables.value.Value;

/** What a benchmark is asked for. */
@Value.Immutable
interface Options {
  /** How often a benchmark measures each thing unless it says otherwise. */
  int ROUNDS = 5;

  /** The sizes of network unless others are asked for; a benchmark may have its own. */
  ImmutableList<Integer> PEERS = ImmutableList.of(20_000, 100_000);

  String HELP = """
        --rounds N      how often each thing is measured; default 5, of data 7, of micro 2
        --peers N,N     sizes of network; default 20000,100000, of repair 8,5000, of
                        faults 5000
        --changes N     how many changes of each kind; default 200
        --idle SECONDS  how long to watch an idle network; default 60
        --cycles N      how often a network is opened and closed; default 1000
        --tests A,B     which of the tests %s
        --modes A,B     which of the modes %s
        --variants A,B  which of the variants %s
        --seconds N     how long packets flow for a figure; default 2
        --svg FILE      where to draw the figures of data
        --json FILE     where to write the rows
      """.formatted(
          names(PathTest.values()), names(LinkMode.values()), names(DataPathKind.values()));

  /** Returns how often each thing is measured, empty for what is usual in the benchmark. */
  OptionalInt rounds();

  /** Returns the sizes of network to measure. */
  @Value.Default
  default ImmutableList<Integer> peers() {
    return PEERS;
  }

  /** Returns how many changes of each kind. */
  @Value.Default
  default int changes() {
    return 200;
  }

  /** Returns how long to watch a network that has nothing to do. */
  @Value.Default
  default Duration idle() {
    return Duration.ofSeconds(60);
  }

  /** Returns how often a network is opened and closed. */
  @Value.Default
  default int cycles() {
    return 1_000;
  }

  /** Returns what to measure of data paths. */
  @Value.Default
  default ImmutableSet<PathTest> tests() {
    return ImmutableSet.copyOf(PathTest.values());
  }

  /** Returns over which links to measure data paths. */
  @Value.Default
  default ImmutableSet<LinkMode> modes() {
    return ImmutableSet.copyOf(LinkMode.values());
  }

  /** Returns which data paths to measure. */
  @Value.Default
  default ImmutableSet<DataPathKind> variants() {
    return ImmutableSet.copyOf(DataPathKind.values());
  }

  /** Returns how long packets flow for one figure of a data path, in whole seconds. */
  @Value.Default
  default Duration traffic() {
    return Duration.ofSeconds(2);
  }

  /** Returns the file for the chart. */
  Optional<Path> svg();

  /** Returns the file for the rows. */
  Optional<Path> json();

  static Options parse(List<String> words) {
    var options = ImmutableOptions.builder();
    for (Iterator<String> rest = words.iterator(); rest.hasNext(); ) {
      String name = rest.next();
      checkArgument(rest.hasNext(), "%s needs a value", name);
      set(options, name, rest.next());
    }
    return options.build();
  }

  private static void set(ImmutableOptions.Builder options, String name, String value) {
    switch (name) {
      case "--rounds" -> options.rounds(number(name, value));
      case "--peers" ->
        options.peers(words(value).map(size -> number(name, size)).collect(toImmutableList()));
      case "--changes" -> options.changes(number(name, value));
      case "--idle" -> options.idle(Duration.ofSeconds(number(name, value)));
      case "--cycles" -> options.cycles(number(name, value));
      case "--tests" -> options.tests(chosen(name, value, PathTest.values()));
      case "--modes" -> options.modes(chosen(name, value, LinkMode.values()));
      case "--variants" -> options.variants(chosen(name, value, DataPathKind.values()));
      case "--seconds" -> options.traffic(Duration.ofSeconds(number(name, value)));
      case "--svg" -> options.svg(Path.of(value));
      case "--json" -> options.json(Path.of(value));
      default -> throw new IllegalArgumentException("there is no option '" + name + "'");
    }
  }

  private static Stream<String> words(String value) {
    return Splitter.on(',').splitToStream(value);
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

  private static <T> ImmutableSet<T> chosen(String name, String value, T[] all) {
    return words(value)
        .map(word -> Stream.of(all)
            .filter(one -> one.toString().equals(word))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException(
                name + " are of " + names(all) + ", not '" + word + "'")))
        .collect(toImmutableSet());
  }

  private static String names(Object[] all) {
    return Stream.of(all).map(Object::toString).collect(joining(" "));
  }
}
