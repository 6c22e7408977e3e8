package io.jaconet.subnet.kubernetes;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * Where the API server is and what to show it.
 *
 * @param tls what TLS is done with, null for plain HTTP
 * @param token the bearer token, null for none
 */
record ApiAccess(
    URI server, @Nullable SSLContext tls, @Nullable String token) {
  private static final int HTTPS_PORT = 443;
  private static final int HTTP_PORT = 80;

  /** What knows the access of now. Files are read again, because others replace them when tokens and certificates are renewed. */
  interface Source {
    ApiAccess current() throws IOException;
  }

  /**
   * Reads the address of an API server.
   *
   * @throws IllegalArgumentException if it is none
   */
  static URI parseServer(String url) {
    try {
      var uri = new URI(url);
      checkArgument(
          uri.getHost() != null
              && ("https".equals(uri.getScheme()) || "http".equals(uri.getScheme()))
              && uri.getRawUserInfo() == null
              && uri.getRawQuery() == null
              && uri.getRawFragment() == null,
          "'%s' is not the address of an API server, such as https://192.0.2.1:6443",
          url);
      return uri;
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(
          "'" + url + "' is not the address of an API server, such as https://192.0.2.1:6443", e);
    }
  }

  boolean isSecure() {
    return "https".equals(server.getScheme());
  }

  int port() {
    return server.getPort() >= 0 ? server.getPort() : isSecure() ? HTTPS_PORT : HTTP_PORT;
  }

  /** Returns the name or address, an IPv6 one without brackets. */
  String host() {
    var host = server.getHost();
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  String authority() {
    return server.getHost() + ":" + port();
  }

  /** Returns the path under which the server's own paths are; empty unless a proxy serves several clusters. */
  String path() {
    var path = server.getRawPath();
    return path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
  }

  /** Without the token. */
  @Override
  public String toString() {
    return server.toString();
  }
}
