package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What a benchmark found: rows of figures, and how they compare with what they should be. */
final class Report {
  private final String test;
  private final List<Row> rows = new ArrayList<>();
  private final List<Bar> bars = new ArrayList<>();

  Report(String test) {
    this.test = test;
  }

  /** What was measured, and how it came out. */
  record Row(
      String test,
      String mode,
      String variant,
      String unit,
      double median,
      double min,
      double max) {
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

  /** A value and the most that it should be. */
  record Bar(String what, double value, double limit, String unit) {
    boolean isMet() {
      return value <= limit;
    }
  }

  void add(String mode, String variant, String unit, Samples samples) {
    rows.add(new Row(test, mode, variant, unit, samples.median(), samples.min(), samples.max()));
  }

  void add(String mode, String variant, String unit, double value) {
    add(mode, variant, unit, Samples.of(value));
  }

  /** Adds a row of a test that is one of several in the benchmark. */
  void addOf(String part, String mode, String variant, String unit, Samples samples) {
    rows.add(new Row(part, mode, variant, unit, samples.median(), samples.min(), samples.max()));
  }

  void addBar(String what, double value, double limit, String unit) {
    bars.add(new Bar(what, value, limit, unit));
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
    var format = "%-" + modes + "s  %-" + variants + "s  %10s  %10s  %10s  %s%n";
    var table = new StringBuilder(String.format(format, "", "", "median", "min", "max", "unit"));
    for (Row row : rows) {
      table.append(String.format(
          format,
          group(row),
          row.variant,
          figure(row.median),
          figure(row.min),
          figure(row.max),
          row.unit));
    }
    for (Bar bar : bars) {
      table.append(String.format(
          "%n%-7s %s: %s %s, at most %s",
          bar.isMet() ? "met" : "MISSED",
          bar.what,
          figure(bar.value),
          bar.unit,
          figure(bar.limit)));
    }
    return table.append('\n').toString();
  }

  private String group(Row row) {
    return row.test.equals(test) ? row.mode : row.test + " " + row.mode;
  }

  private static int width(List<String> texts) {
    return texts.stream().mapToInt(String::length).max().orElse(1);
  }

  /** Returns three digits that matter, or the whole number if it has more. */
  private static String figure(double value) {
    double size = Math.abs(value);
    int decimals = value == Math.rint(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** Writes an array of the rows, one on a line. */
  void writeJson(Path file) throws IOException {
    var lines = rows.stream()
        .map(row -> row.toJson().toString())
        .collect(Collectors.joining(",\n", "[\n", "\n]\n"));
    Files.writeString(file, lines);
  }
}
