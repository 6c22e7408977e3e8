package io.jaconet.udp.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.overlay.NetworkConfig;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TunnelOptionsTest {
  private static TunnelOptions options(String more) {
    return UdpScheme.of(NetworkConfig.parse(
            "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"udp\"" + more + "}}"))
        .options();
  }

  @ParameterizedTest
  @CsvSource({"1,1", "2,1", "3,1", "4,2", "16,8", "64,8"})
  void oneWorkerForTwoProcessorsAndNoMoreThanEight(int processors, int workers) {
    assertEquals(workers, TunnelOptions.workersFor(processors));
  }

  @Test
  void aForcedNumberOfWorkersHoldsOnAnyMachine() {
    assertEquals(3, options(",\"Workers\":3").workers());
  }

  @Test
  void busyPollingIsInMicrosecondsAndOffByDefault() {
    assertEquals(Duration.ZERO, options("").busyPoll());
    assertEquals(Duration.ofNanos(60_000), options(",\"BusyPoll\":60").busyPoll());
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"Workers\":17", "\"Workers\":-1", "\"BusyPoll\":10001"})
  void namesTheOptionThatIsWrong(String option) {
    var refusal = assertThrows(IllegalArgumentException.class, () -> options("," + option));

    String name = option.substring(1, option.indexOf(':') - 1);
    assertTrue(
        String.valueOf(refusal.getMessage()).startsWith("Backend." + name), refusal::getMessage);
  }
}
