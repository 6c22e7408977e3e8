package io.jaconet.flanneld;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class TerminationTest {

  @ParameterizedTest
  @CsvSource({"TERM,TERM,143", "INT,TERM,143", "TERM,INT,130"})
  void theSecondSignalEndsWhatTheFirstDoesNot(String first, String second, int status)
      throws Exception {
    try (var daemon = DaemonProcess.start(Deaf.class)) {
      daemon.await("stays");
      daemon.signal(first);
      daemon.await("was asked to end");

      long start = System.nanoTime();
      daemon.signal(second);

      assertEquals(status, daemon.status());
      assertTrue(Duration.ofNanos(System.nanoTime() - start).toMillis() < 4_000);
    }
  }

  @Test
  void afterFiveSecondsOneSignalIsEnough() throws Exception {
    try (var daemon = DaemonProcess.start(Deaf.class)) {
      daemon.await("stays");
      long start = System.nanoTime();
      daemon.signal("TERM");

      assertEquals(1, daemon.status());
      assertTrue(Duration.ofNanos(System.nanoTime() - start).toMillis() < 5_500);
    }
  }
}
