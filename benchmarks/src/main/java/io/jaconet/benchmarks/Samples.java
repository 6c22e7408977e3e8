package io.jaconet.benchmarks;

import static com.google.common.base.Preconditions.checkState;

import java.util.ArrayList;
import java.util.List;

/** The measured values of one quantity. */
final class Samples {
  private final List<Double> values = new ArrayList<>();

  static Samples of(double value) {
    var samples = new Samples();
    samples.add(value);
    return samples;
  }

  void add(double value) {
    values.add(value);
  }

  void addAll(Samples others) {
    values.addAll(others.values);
  }

  int count() {
    return values.size();
  }

  double median() {
    return quantile(0.5);
  }

  double min() {
    return quantile(0);
  }

  double max() {
    return quantile(1);
  }

  /** Returns the value that the share {@code q} of all lies below, between two values in proportion. */
  double quantile(double q) {
    checkState(!values.isEmpty(), "nothing was measured");
    var sorted = values.stream().sorted().toList();
    double at = q * (sorted.size() - 1);
    int below = (int) at;
    int above = Math.min(below + 1, sorted.size() - 1);
    return sorted.get(below) + (at - below) * (sorted.get(above) - sorted.get(below));
  }
}
