package io.jaconet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.event.ManualEventLoop;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.event.Level;

class NetworkLogTest {
  private final ManualEventLoop loop = new ManualEventLoop();
  private final NetworkLog log = new NetworkLog(loop, "net");
  private final PrintStream terminal = System.err;
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();

  @BeforeEach
  void catchOutput() {
    System.setErr(new PrintStream(output, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void releaseOutput() {
    System.setErr(terminal);
  }

  private List<String> lines() {
    return output.toString(StandardCharsets.UTF_8).lines().toList();
  }

  private void say(int from, int to) {
    loop.execute(() -> {
      for (int n = from; n <= to; n++) {
        log.say(Level.WARN, "line " + n);
      }
    });
    loop.runReady();
  }

  @Test
  void saysTenLinesInAMinuteAndTheLastOneAfterwards() {
    say(1, 25);
    int atOnce = lines().size();
    loop.advance(Duration.ofMinutes(2));

    assertEquals(10, atOnce);
    assertEquals(11, lines().size());
    assertTrue(
        lines().get(10).endsWith("net: line 25 (14 lines before this were left out)"),
        lines().get(10));
  }

  @Test
  void saysNothingTwice() {
    say(1, 11);
    loop.advance(Duration.ofMinutes(2));
    say(12, 12);
    loop.advance(Duration.ofMinutes(2));

    assertEquals(12, lines().size());
    assertTrue(lines().get(11).endsWith("net: line 12"), lines().get(11));
  }
}
