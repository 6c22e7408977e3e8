package io.jaconet.flanneld;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.jaconet.net.IpAddress;
import io.jaconet.testkit.Station;
import java.io.IOException;
import java.util.regex.Pattern;

/** A hundred pings a second from one station to an address, all of which should be answered. */
final class Pings implements AutoCloseable {
  private static final Pattern COUNTS =
      Pattern.compile("(\\d+) packets transmitted, (\\d+) (packets )?received");

  private final Process process;

  private Pings(Process process) {
    this.process = process;
  }

  static Pings start(Station from, IpAddress to) throws IOException {
    from.awaitAnswerFrom(to);
    var command = new ProcessBuilder("ping", "-n", "-q", "-i", "0.01", to.toString());
    return new Pings(from.namespace().start(command.redirectErrorStream(true)));
  }

  /** Ends them and returns how many were not answered; the last one may be under way. */
  int lost() throws IOException {
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
    return Math.max(0, Integer.parseInt(counts.group(1)) - Integer.parseInt(counts.group(2)) - 1);
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
