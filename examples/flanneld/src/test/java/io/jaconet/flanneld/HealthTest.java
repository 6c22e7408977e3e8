package io.jaconet.flanneld;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jaconet.NetworkState;
import io.jaconet.NetworkState.Phase;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** T18: no green while something is wrong. */
class HealthTest {
  private static final Instant SINCE = Instant.parse("2026-01-02T03:04:05Z");

  @ParameterizedTest
  @CsvSource({
    "JOINING,true,false",
    "UP,true,true",
    "DEGRADED,true,false",
    "STALE,true,false",
    "FENCED,false,false",
    "CLOSED,false,false"
  })
  void readyIsOnlyANetworkThatIsUpAndRunningAnyThatMayComeBackByItself(
      Phase phase, boolean running, boolean ready) {
    var state = new NetworkState(phase, "a reason", SINCE);

    assertEquals(running, Health.running(state).ok());
    assertEquals(ready, Health.ready(state, "").ok());
  }

  @Test
  void theAnswerTellsWhySinceWhenAndInFlannelsWordsThatAllIsWell() {
    var up = new NetworkState(Phase.UP, "", SINCE);
    var stale = new NetworkState(Phase.STALE, "watch: no answer", SINCE);

    assertEquals("flanneld is running", Health.running(up).text());
    assertEquals("flanneld is ready", Health.ready(up, "").text());
    assertEquals(
        "flanneld is not ready: the network is STALE since 2026-01-02T03:04:05Z: watch: no answer",
        Health.ready(stale, "").text());
  }

  @Test
  void withoutItsFileNoHostIsReady() {
    var up = new NetworkState(Phase.UP, "", SINCE);

    assertEquals(
        new Health(false, "flanneld is not ready: the file is gone"),
        Health.ready(up, "the file is gone"));
  }
}
