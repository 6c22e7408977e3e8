package io.jaconet.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.jaconet.net.IpAddress;
import java.io.IOException;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Pattern;

/** Pings at a steady pace from a station to an address that answers, none of which should be lost. */
public final class Pings implements AutoCloseable {
  private static final Pattern COUNTS =
      Pattern.compile("(\\d+) packets transmitted, (\\d+) (packets )?received");

  private final Process process;

  private Pings(Process process) {
    this.process = process;
  }

  /**
   * How pings went.
   *
   * @param lost how many were not answered; the last one, which may be under way, does not count
   */
  public record Count(int sent, int lost) {}

  /** Waits for an answer, then begins. */
  public static Pings start(Station from, IpAddress to, Duration interval) throws IOException {
    from.awaitAnswerFrom(to);
    var seconds = String.format(Locale.ROOT, "%.3f", interval.toMillis() / 1e3);
    var command = new ProcessBuilder("ping", "-n", "-q", "-i", seconds, to.toString());
    return new Pings(from.namespace().start(command.redirectErrorStream(true)));
  }

  /** Ends them, and says how they went. */
  public Count end() throws IOException {
    // SIGINT makes ping print what it has counted.
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid()))
        .start()
        .onExit()
        .join();
    var output = new String(process.getInputStream().readAllBytes(), UTF_8);
    var counts = COUNTS.matcher(output);
    if (!counts.find()) {
      throw new IOException("ping: " + output);
    }
    int sent = Integer.parseInt(counts.group(1));
    return new Count(sent, Math.max(0, sent - Integer.parseInt(counts.group(2)) - 1));
  }

  /** Ends them if they go on. */
  @Override
  public void close() {
    process.destroyForcibly();
  }
}
