package io.jaconet.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OptionsTest {

  @Test
  void asksForTheSizesOfTheBarsUnlessTold() {
    assertEquals(
        ImmutableList.of(20_000, 100_000), Options.parse(ImmutableList.of()).peers());
  }

  @Test
  void readsEveryOption() {
    var words =
        "--rounds 7 --peers 10,20 --changes 8 --idle 9 --cycles 11 --json rows.json".split(" ", -1);

    assertEquals(
        new Options(
            7, ImmutableList.of(10, 20), 8, Duration.ofSeconds(9), 11, Path.of("rows.json")),
        Options.parse(ImmutableList.copyOf(words)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"--rounds", "--rounds 0", "--rounds many", "--peers 10,", "--warp 9"})
  void refusesWhatItDoesNotUnderstandAndNamesIt(String words) {
    var refused = assertThrows(
        IllegalArgumentException.class,
        () -> Options.parse(ImmutableList.copyOf(words.split(" ", -1))));

    assertTrue(String.valueOf(refused.getMessage()).contains(words.split(" ", -1)[0]));
  }
}
