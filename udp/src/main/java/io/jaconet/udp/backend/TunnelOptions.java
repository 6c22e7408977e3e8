package io.jaconet.udp.backend;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.BackendOptions;
import io.jaconet.udp.SourceCheck;
import java.time.Duration;

/**
 * The options of every data path in user space.
 *
 * @param sourceCheck {@code SourceCheck}, default strict
 * @param workers {@code Workers}, how many threads each direction has, 1 to 16; default 0: half as many as processors, at most 8
 * @param busyPoll {@code BusyPoll}, how long a thread asks for packets again and again before it sleeps, in microseconds up to 10000;
 *     default 0
 */
public record TunnelOptions(SourceCheck sourceCheck, int workers, Duration busyPoll) {
  /** The names of the options. */
  public static final ImmutableList<String> NAMES =
      ImmutableList.of("SourceCheck", "Workers", "BusyPoll");

  private static final int MAX_WORKERS = 16;
  private static final int MAX_AUTOMATIC_WORKERS = 8;
  private static final int MAX_BUSY_POLL_MICROS = 10_000;

  /** Reads them. */
  public static TunnelOptions of(BackendOptions options) {
    int workers = options.integer("Workers", 0, 0, MAX_WORKERS);
    int busyPollMicros = options.integer("BusyPoll", 0, 0, MAX_BUSY_POLL_MICROS);
    return new TunnelOptions(
        sourceCheck(options.text("SourceCheck", "strict")),
        workers == 0 ? workersFor(Runtime.getRuntime().availableProcessors()) : workers,
        Duration.ofNanos(busyPollMicros * 1000L));
  }

  static int workersFor(int processors) {
    return Math.max(1, Math.min(MAX_AUTOMATIC_WORKERS, processors / 2));
  }

  private static SourceCheck sourceCheck(String text) {
    for (SourceCheck check : SourceCheck.values()) {
      if (Ascii.toLowerCase(check.name()).equals(text)) {
        return check;
      }
    }
    throw new IllegalArgumentException("Backend.SourceCheck: \"" + text
        + "\" is not whom to believe; allowed is strict, loose or off, for example \"strict\"");
  }
}
