package io.jaconet.testkit;

import com.google.errorprone.annotations.FormatMethod;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;

/** Commands of iproute2's {@code ip}, run by one process. */
final class IpBatch {
  private final StringBuilder commands = new StringBuilder();

  @FormatMethod
  IpBatch add(String format, Object... arguments) {
    commands.append(String.format(format, arguments)).append('\n');
    return this;
  }

  /** Returns what makes {@code address} usable at once, without waiting for duplicate address detection. */
  static String ready(IpAddress address) {
    return address.family() == IpFamily.V6 ? " nodad" : "";
  }

  void run(Station station) throws IOException {
    var outcome = station.run(commands.toString(), new String[] {"ip", "-batch", "-"});
    if (!outcome.ok()) {
      throw new IOException("ip -batch in " + station.name() + ": " + outcome.output().strip() + "\n" + commands);
    }
  }
}
