package io.jaconet.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
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
        "--rounds 7 --peers 10,20 --changes 8 --idle 9 --cycles 11 --tests tcp1,udp64 --modes wire"
            + " --variants kernel-vxlan,udp --seconds 3 --svg chart.svg --json rows.json";

    assertEquals(
        ImmutableOptions.builder()
            .rounds(7)
            .peers(ImmutableList.of(10, 20))
            .changes(8)
            .idle(Duration.ofSeconds(9))
            .cycles(11)
            .tests(ImmutableSet.of(PathTest.TCP1, PathTest.UDP64))
            .modes(ImmutableSet.of(LinkMode.WIRE))
            .variants(ImmutableSet.of(DataPathKind.KERNEL_VXLAN, DataPathKind.UDP))
            .traffic(Duration.ofSeconds(3))
            .svg(Path.of("chart.svg"))
            .json(Path.of("rows.json"))
            .build(),
        Options.parse(ImmutableList.copyOf(words.split(" ", -1))));
  }

  @Test
  void measuresAllOfTheDataPathsUnlessTold() {
    var options = Options.parse(ImmutableList.of());

    assertEquals(ImmutableSet.copyOf(PathTest.values()), options.tests());
    assertEquals(ImmutableSet.copyOf(LinkMode.values()), options.modes());
    assertEquals(ImmutableSet.copyOf(DataPathKind.values()), options.variants());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--rounds",
        "--rounds 0",
        "--rounds many",
        "--peers 10,",
        "--tests tcp1,tcp9",
        "--modes",
        "--variants wireguard",
        "--warp 9"
      })
  void refusesWhatItDoesNotUnderstandAndNamesIt(String words) {
    var refused = assertThrows(
        IllegalArgumentException.class,
        () -> Options.parse(ImmutableList.copyOf(words.split(" ", -1))));

    assertTrue(String.valueOf(refused.getMessage()).contains(words.split(" ", -1)[0]));
  }
}
