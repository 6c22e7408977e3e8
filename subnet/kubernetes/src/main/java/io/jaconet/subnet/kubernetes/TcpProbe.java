package io.jaconet.subnet.kubernetes;

import com.google.common.base.Throwables;
import com.google.common.net.HostAndPort;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.List;

/**
 * Whether anything listens where an API server is said to be. A call of the HTTP client that ends in a refused connection takes some ten
 * milliseconds of a processor, which a server that is away for hours is not worth; a connection alone takes a hundredth of that.
 */
final class TcpProbe {
  private TcpProbe() {}

  /**
   * Connects, and closes the connection. Does nothing if calls go through a proxy.
   *
   * @param limit after which there is no answer
   * @throws IOException if there is no connection
   */
  static void connect(URI server, Duration limit) throws IOException {
    if (!isDirect(server)) {
      return;
    }
    int port =
        server.getPort() >= 0 ? server.getPort() : "https".equals(server.getScheme()) ? 443 : 80;
    var place = HostAndPort.fromParts(server.getHost(), port);
    try (var socket = new Socket()) {
      socket.connect(new InetSocketAddress(place.getHost(), port), (int) limit.toMillis());
    } catch (IOException e) {
      throw new IOException("cannot reach the API server at " + place + ": " + e.getMessage(), e);
    }
  }

  private static boolean isDirect(URI server) {
    var proxies = ProxySelector.getDefault();
    return proxies == null || proxies.select(server).equals(List.of(Proxy.NO_PROXY));
  }

  /** Returns whether {@code thrown} says that there was no connection at all. */
  static boolean isRefusal(Throwable thrown) {
    return Throwables.getCausalChain(thrown).stream().anyMatch(ConnectException.class::isInstance);
  }
}
