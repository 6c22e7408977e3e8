package io.jaconet.benchmarks;

import static java.util.stream.Collectors.joining;

import com.google.common.collect.ImmutableList;
import io.jaconet.benchmarks.Report.Bar;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What was measured of the data paths, and the bars that it is held against. */
final class DataFigures {
  private final Map<Key, Samples> samples = new TreeMap<>();

  /** What a sample belongs to; sorted as a reader wants it. */
  private record Key(PathTest test, LinkMode mode, DataPathKind variant)
      implements Comparable<Key> {
    @Override
    public int compareTo(Key other) {
      int order = test.compareTo(other.test);
      if (order == 0) {
        order = mode.compareTo(other.mode);
      }
      return order == 0 ? variant.compareTo(other.variant) : order;
    }
  }

  /** What a path's median should be as a multiple of the median of its test's reference. */
  private record Target(
      String what,
      PathTest test,
      LinkMode mode,
      DataPathKind variant,
      boolean atLeast,
      double must,
      @Nullable Double aim) {}

  private static final ImmutableList<Target> TARGETS = ImmutableList.of(
      atLeast("TCP 1 stream, wire-like", PathTest.TCP1, LinkMode.WIRE, 0.95, 1.2),
      atLeast("TCP 1 stream, plain veth", PathTest.TCP1, LinkMode.PLAIN, 0.5, 0.75),
      atLeast("TCP 4 streams, plain veth", PathTest.TCP4, LinkMode.PLAIN, 0.45, 0.65),
      atLeast("UDP 1300 B received", PathTest.UDP1300, LinkMode.PLAIN, 1.1, 1.3),
      atLeast("UDP 64 B received", PathTest.UDP64, LinkMode.PLAIN, 1.4, 1.7),
      atMost("CPU per Gbit, TCP 1", PathTest.CPU, DataPathKind.UDP, 2.0, 1.6),
      atMost("flood-ping RTT", PathTest.RTT, DataPathKind.UDP, 1.0, null),
      atMost("flood-ping RTT, busy polling", PathTest.RTT, DataPathKind.UDP_BUSY_POLL, 1.0, 0.5),
      mixed("user-space VXLAN to kernel VXLAN", DataPathKind.USER_TO_KERNEL, 0.4, 0.6),
      mixed("kernel VXLAN to user-space VXLAN", DataPathKind.KERNEL_TO_USER, 0.7, 0.85));

  private static Target atLeast(
      String what, PathTest test, LinkMode mode, double must, double aim) {
    return new Target(what, test, mode, DataPathKind.UDP, true, must, aim);
  }

  private static Target atMost(
      String what, PathTest test, DataPathKind variant, double must, @Nullable Double aim) {
    return new Target(what, test, LinkMode.PLAIN, variant, false, must, aim);
  }

  private static Target mixed(String what, DataPathKind variant, double must, double aim) {
    return new Target(
        what + ", TCP 1 stream", PathTest.TCP1, LinkMode.PLAIN, variant, true, must, aim);
  }

  void add(PathTest test, LinkMode mode, DataPathKind variant, double value) {
    samples.computeIfAbsent(new Key(test, mode, variant), key -> new Samples()).add(value);
  }

  /** Adds a row for each kind of figure, and the bars of those of which the reference was measured, too. */
  void reportTo(Report report) {
    samples.forEach((key, values) -> report.addOf(
        key.test.toString(),
        key.mode.toString(),
        key.variant.toString(),
        key.test.unit(),
        values,
        remark(key)));
    for (Target target : TARGETS) {
      ratio(new Key(target.test, target.mode, target.variant))
          .ifPresent(ratio -> report.addBar(new Bar(
              target.what,
              ratio,
              target.atLeast,
              target.must,
              target.aim,
              "x " + target.test.reference())));
    }
  }

  /** Returns the medians as a drawing. */
  BarChart chart(String caption) {
    var panels = ImmutableList.<BarChart.Panel>builder();
    for (PathTest test : PathTest.values()) {
      var groups = ImmutableList.<BarChart.Group>builder();
      for (LinkMode mode : LinkMode.values()) {
        var bars = bars(test, mode);
        if (!bars.isEmpty()) {
          groups.add(new BarChart.Group(mode.title(), bars));
        }
      }
      var all = groups.build();
      if (!all.isEmpty()) {
        panels.add(new BarChart.Panel(test.title(), all));
      }
    }
    return new BarChart("Data paths compared", description(), caption, panels.build());
  }

  private ImmutableList<BarChart.Bar> bars(PathTest test, LinkMode mode) {
    var bars = ImmutableList.<BarChart.Bar>builder();
    for (DataPathKind variant : DataPathKind.values()) {
      var values = samples.get(new Key(test, mode, variant));
      if (values != null) {
        bars.add(new BarChart.Bar(variant.toString(), values.median(), variant.isOurs()));
      }
    }
    return bars.build();
  }

  private String description() {
    return samples.entrySet().stream()
        .map(entry -> String.format(
            "%s, %s, %s: %s %s",
            entry.getKey().test,
            entry.getKey().mode,
            entry.getKey().variant,
            Report.figure(entry.getValue().median()),
            entry.getKey().test.unit()))
        .collect(joining("; ", "Medians. ", "."));
  }

  private String remark(Key key) {
    var reference = key.test.reference();
    return key.variant == reference
        ? ""
        : ratio(key).map(ratio -> Report.figure(ratio) + " x " + reference).orElse("");
  }

  /** Returns how the median compares with that of the reference, empty if one of them was not measured. */
  private Optional<Double> ratio(Key key) {
    var reference = samples.get(new Key(key.test, key.mode, key.test.reference()));
    var values = samples.get(key);
    return reference == null || values == null
        ? Optional.empty()
        : Optional.of(values.median() / reference.median());
  }
}
