package io.jaconet.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class SamplesTest {

  private static Samples samples(double... values) {
    var samples = new Samples();
    for (double value : values) {
      samples.add(value);
    }
    return samples;
  }

  @Test
  void medianOfAnEvenNumberLiesBetweenTheTwoInTheMiddle() {
    assertEquals(2.5, samples(4, 1, 3, 2).median());
  }

  @Test
  void quantilesAreThoseOfTheSortedValues() {
    var hundredAndOne = new Samples();
    for (int value = 100; value >= 0; value--) {
      hundredAndOne.add(value);
    }

    assertEquals(0, hundredAndOne.min());
    assertEquals(99, hundredAndOne.quantile(0.99));
    assertEquals(100, hundredAndOne.max());
  }
}
