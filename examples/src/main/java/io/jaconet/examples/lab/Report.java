package io.jaconet.examples.lab;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.base.Strings;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Multimaps;
import io.jaconet.net.IpFamily;
import io.jaconet.testkit.Station;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Tells a person what a lab found. */
final class Report {
  private static final Pattern VTEP_MAC = Pattern.compile("\"VtepMAC\":\"([0-9a-f:]{17})\"");
  private static final int WIDE_MATRIX = 12;
  private static final String GREEN = "\u001b[32m";
  private static final String RED = "\u001b[31m";
  private static final String BOLD = "\u001b[1m";
  private static final String PLAIN = "\u001b[0m";

  private final PrintStream out;
  private final String prefix;
  private final boolean colored;

  /**
   * Creates one that writes to {@code out}.
   *
   * @param prefix how all names begin, which is left out where they stand close together
   */
  Report(PrintStream out, String prefix, boolean colored) {
    this.out = out;
    this.prefix = prefix;
    this.colored = colored;
  }

  /** Returns whether what this process prints is seen on a terminal by somebody who has nothing against colors (no-color.org). */
  static boolean wantsColor() {
    if (!Strings.isNullOrEmpty(System.getenv("NO_COLOR")) || "dumb".equals(System.getenv("TERM"))) {
      return false;
    }
    try {
      var stdout = Files.readSymbolicLink(Path.of("/proc/self/fd/1"));
      return stdout.startsWith("/dev/pts") || stdout.toString().matches("/dev/(tty.*|console)");
    } catch (IOException e) {
      return false;
    }
  }

  void printHosts(ImmutableList<Node> nodes) {
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("host", "node address", "subnet", "VTEP MAC", "MTU", "workload"));
    for (var node : nodes) {
      var lease = node.network().lease();
      boolean first = true;
      for (var subnet : lease.subnets().prefixes()) {
        var family = subnet.family();
        rows.add(List.of(
            first ? node.host().name() : "",
            lease.attributes().publicIp(family).map(Object::toString).orElse("-"),
            subnet.toString(),
            lease.attributes().backendData(family).map(Report::vtepMac).orElse("-"),
            Integer.toString(node.network().overlayMtu()),
            node.workload().address(family).toString()));
        first = false;
      }
    }
    printTable(rows);
  }

  private static String vtepMac(String backendData) {
    var mac = VTEP_MAC.matcher(backendData);
    return mac.find() ? mac.group(1) : "-";
  }

  private void printTable(List<List<String>> rows) {
    int columns = rows.get(0).size();
    var widths = new int[columns];
    for (var row : rows) {
      for (int column = 0; column < columns; column++) {
        widths[column] = Math.max(widths[column], row.get(column).length());
      }
    }
    boolean header = true;
    for (var row : rows) {
      var line = new StringBuilder("  ");
      for (int column = 0; column < columns; column++) {
        line.append(Strings.padEnd(row.get(column), widths[column] + 2, ' '));
      }
      var text = line.toString().stripTrailing();
      out.println(header ? color(BOLD, text) : text);
      header = false;
    }
    out.println();
  }

  private String color(String code, String text) {
    return colored ? code + text + PLAIN : text;
  }

  /** Prints who reaches whom, senders in rows and targets in columns, with round trips where there is room for them. */
  void printReachability(ImmutableList<Probe> probes) {
    for (var byFamily : Multimaps.index(probes, Probe::family).asMap().entrySet()) {
      printMatrix(byFamily.getKey(), ImmutableList.copyOf(byFamily.getValue()));
    }
  }

  private void printMatrix(IpFamily family, ImmutableList<Probe> probes) {
    var rows = Multimaps.index(probes, Probe::from).asMap();
    var targets = probes.stream().map(Probe::to).distinct().collect(toImmutableList());
    boolean wide = targets.size() <= WIDE_MATRIX;
    int first =
        rows.keySet().stream().mapToInt(from -> shortName(from).length()).max().orElse(0);
    int width = wide
        ? Math.max(
            8, targets.stream().mapToInt(to -> shortName(to).length()).max().orElse(0) + 2)
        : 1;
    out.println(color(
        BOLD,
        "  " + family
            + (wide ? ", from row to column, round trip in ms" : ", from row to each target")));
    if (wide) {
      var line = new StringBuilder(" ".repeat(first + 4));
      targets.forEach(to -> line.append(Strings.padStart(shortName(to), width, ' ')));
      out.println(line);
    }
    rows.forEach((from, row) -> {
      var line = new StringBuilder("  ").append(Strings.padEnd(shortName(from), first + 2, ' '));
      for (var probe : row) {
        line.append(
            color(probe.green() ? GREEN : RED, Strings.padStart(cell(probe, wide), width, ' ')));
      }
      out.println(line);
    });
    out.println();
  }

  private String shortName(Station station) {
    return station.name().substring(prefix.length());
  }

  private static String cell(Probe probe, boolean wide) {
    if (!wide) {
      return probe.green() ? "+" : "X";
    }
    return probe.green() ? milliseconds(probe.roundTrip()) : "FAILED";
  }

  private static String milliseconds(@Nullable Duration duration) {
    return duration == null ? "-" : String.format(Locale.ROOT, "%.3f", duration.toNanos() / 1e6);
  }

  /** Names what failed and how to look at it. */
  void printFailures(ImmutableList<Probe> probes, String entry) {
    int shown = 0;
    for (var probe : probes) {
      if (!probe.green() && shown++ < 10) {
        out.println(color(
            RED,
            "  " + probe.from().name() + " -> " + probe.to().name() + " "
                + probe.to().address(probe.family()) + ": " + probe.failure()));
        out.println("    look: " + entry + probe.from().name() + " ping "
            + probe.to().address(probe.family()));
      }
    }
    if (shown > 10) {
      out.println("  and " + (shown - 10) + " more");
    }
    if (shown > 0) {
      out.println();
    }
  }

  /** Prints what the hosts' rules are kept with, as the first host tells. */
  void printRules(Node node) {
    var rules = node.network().rules();
    if (!rules.driver().isEmpty()) {
      out.println("  " + shortName(node.host()) + " keeps " + rules.wanted() + " rules with "
          + rules.driver() + ": " + rules.reason());
      out.println();
    }
  }

  /**
   * Prints the last line.
   *
   * @param masqueraded whether workloads are seen outside as their hosts
   */
  void printVerdict(ImmutableList<Probe> probes, boolean masqueraded, Duration sinceStart) {
    var shown =
        masqueraded ? "the sender's own address, outside the host's" : "the sender's own address";
    long green = probes.stream().filter(Probe::green).count();
    var seconds =
        String.format(Locale.ROOT, "%.2f s after the JVM started", sinceStart.toMillis() / 1000.0);
    out.println(
        green == probes.size()
            ? color(GREEN, "All " + green + " paths work and show " + shown + ", " + seconds)
            : color(
                RED,
                (probes.size() - green) + " of " + probes.size() + " paths do not work, "
                    + seconds));
  }

  void say(String text) {
    out.println(text);
  }
}
