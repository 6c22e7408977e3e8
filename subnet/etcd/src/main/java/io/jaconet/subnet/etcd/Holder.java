package io.jaconet.subnet.etcd;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Who wrote a lease, as kept beside it: {@code 86400 node-7}.
 *
 * @param timeToLive for how long the lease was written, null for ever
 */
record Holder(String node, @Nullable Duration timeToLive) {

  /** Reads what was kept; what is in no such form is the node alone. */
  static Holder parse(String text) {
    int space = text.indexOf(' ');
    if (space < 1 || space > 10 || !text.substring(0, space).matches("[0-9]+")) {
      return new Holder(text, null);
    }
    long seconds = Long.parseLong(text.substring(0, space));
    return new Holder(text.substring(space + 1), seconds == 0 ? null : Duration.ofSeconds(seconds));
  }

  /** Returns the whole seconds that etcd counts, at least as long as {@code timeToLive}; 0 for ever. */
  long seconds() {
    return timeToLive == null ? 0 : seconds(timeToLive);
  }

  /** Returns {@code timeToLive} in seconds, rounded up, up to the most that etcd accepts. */
  static long seconds(Duration timeToLive) {
    long most = 9_000_000_000L;
    long whole = timeToLive.getSeconds() + (timeToLive.getNano() > 0 ? 1 : 0);
    return Math.min(whole, most);
  }

  /** Returns what is kept. */
  String text() {
    return seconds() + " " + node;
  }
}
