package io.jaconet.benchmarks;

import static java.util.stream.Collectors.joining;

import com.google.common.collect.ImmutableList;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What a benchmark found: rows of figures, and how they compare with what they should be. */
final class Report {
  private final String test;
  private final List<Row> rows = new ArrayList<>();
  private final List<Bar> bars = new ArrayList<>();

  Report(String test) {
    this.test = test;
  }

  /**
   * What was measured, and how it came out.
   *
   * @param remark what a reader is told besides; not among the figures for machines
   */
  record Row(
      String test,
      String mode,
      String variant,
      String unit,
      double median,
      double min,
      double max,
      String remark) {
    JsonObject toJson() {
      var json = new JsonObject();
      json.addProperty("test", test);
      json.addProperty("mode", mode);
      json.addProperty("variant", variant);
      json.addProperty("unit", unit);
      json.addProperty("median", median);
      json.addProperty("min", min);
      json.addProperty("max", max);
      return json;
    }
  }

  /**
   * A value and what it should be.
   *
   * @param must the most that it may be, or the least if {@code atLeast}
   * @param aim what would be better still, null if nothing is
   */
  record Bar(
      String what,
      double value,
      boolean atLeast,
      double must,
      @Nullable Double aim,
      String unit) {
    boolean isMet() {
      return reaches(must);
    }

    private boolean reaches(double limit) {
      return atLeast ? value >= limit : value <= limit;
    }

    @Override
    public String toString() {
      var text = new StringBuilder(String.format(
          "%-7s %s: %s%s, %s %s",
          isMet() ? "met" : "MISSED",
          what,
          figure(value),
          unit.isEmpty() ? "" : " " + unit,
          atLeast ? "at least" : "at most",
          figure(must)));
      if (aim != null) {
        text.append("; aim ").append(figure(aim)).append(reaches(aim) ? " met" : " missed");
      }
      return text.toString();
    }
  }

  void add(String mode, String variant, String unit, Samples samples) {
    addOf(test, mode, variant, unit, samples, "");
  }

  void add(String mode, String variant, String unit, double value) {
    add(mode, variant, unit, Samples.of(value));
  }

  /** Adds a row of a test that is one of several in the benchmark. */
  void addOf(
      String part, String mode, String variant, String unit, Samples samples, String remark) {
    rows.add(
        new Row(part, mode, variant, unit, samples.median(), samples.min(), samples.max(), remark));
  }

  void addBar(String what, double value, double limit, String unit) {
    addBar(new Bar(what, value, false, limit, null, unit));
  }

  void addBar(Bar bar) {
    bars.add(bar);
  }

  ImmutableList<Row> rows() {
    return ImmutableList.copyOf(rows);
  }

  ImmutableList<Bar> bars() {
    return ImmutableList.copyOf(bars);
  }

  String table() {
    int modes = width(rows.stream().map(this::group).toList());
    int variants = width(rows.stream().map(Row::variant).toList());
    int units = width(rows.stream().map(Row::unit).toList());
    var format = "%-" + modes + "s  %-" + variants + "s  %10s  %10s  %10s  %-" + units + "s  %s";
    List<String> lines = new ArrayList<>();
    lines.add(String.format(format, "", "", "median", "min", "max", "unit", ""));
    for (Row row : rows) {
      lines.add(String.format(
          format,
          group(row),
          row.variant,
          figure(row.median),
          figure(row.min),
          figure(row.max),
          row.unit,
          row.remark));
    }
    if (!bars.isEmpty()) {
      lines.add("");
      bars.forEach(bar -> lines.add(bar.toString()));
    }
    return lines.stream().map(String::stripTrailing).collect(joining("\n", "", "\n"));
  }

  private String group(Row row) {
    return row.test.equals(test) ? row.mode : row.test + " " + row.mode;
  }

  private static int width(List<String> texts) {
    return texts.stream().mapToInt(String::length).max().orElse(1);
  }

  /** Returns three digits that matter, or the whole number if it has more. */
  static String figure(double value) {
    double size = Math.abs(value);
    int decimals = value == Math.rint(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** Writes an array of the rows, one on a line. */
  void writeJson(Path file) throws IOException {
    var lines =
        rows.stream().map(row -> row.toJson().toString()).collect(joining(",\n", "[\n", "\n]\n"));
    Files.writeString(file, lines);
  }
}
