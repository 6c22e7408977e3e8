package io.jaconet.subnet.etcd;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.net.HostAndPort;
import io.jaconet.internal.Printable;
import java.util.Locale;

/** Where a member of etcd is reached by clients. */
record Endpoint(boolean tls, HostAndPort address) {
  private static final int USUAL_PORT = 2379;

  /**
   * Parses {@code http://HOST:PORT} or {@code https://HOST:PORT}. Without a port it is 2379, without a scheme {@code tlsUnlessSaid}
   * decides.
   *
   * @throws IllegalArgumentException if it is neither
   */
  static Endpoint parse(String text, boolean tlsUnlessSaid) {
    var lower = text.toLowerCase(Locale.ROOT);
    boolean plain = lower.startsWith("http://");
    boolean tls = lower.startsWith("https://") || !plain && tlsUnlessSaid;
    var rest = text.substring(
        plain ? "http://".length() : lower.startsWith("https://") ? "https://".length() : 0);
    if (rest.endsWith("/")) {
      rest = rest.substring(0, rest.length() - 1);
    }
    try {
      checkArgument(rest.matches("[A-Za-z0-9._:\\[\\]-]+"), "not a host and a port");
      var address = HostAndPort.fromString(rest).withDefaultPort(USUAL_PORT);
      return new Endpoint(tls, address);
    } catch (IllegalArgumentException e) {
      // What may be a password is not for messages.
      var shown = Printable.of(text.replaceFirst("[^/]*@", "<hidden>@"));
      throw new IllegalArgumentException(
          "not an endpoint of etcd such as https://etcd-1.example:2379, without a user: '" + shown
              + "'",
          e);
    }
  }

  @Override
  public String toString() {
    return (tls ? "https://" : "http://") + address;
  }
}
