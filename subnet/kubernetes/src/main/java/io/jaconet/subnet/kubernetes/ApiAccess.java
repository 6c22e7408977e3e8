package io.jaconet.subnet.kubernetes;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * Where the API server is and what to show it.
 *
 * @param tls what HTTPS is done with
 * @param token the bearer token, null for none
 */
record ApiAccess(URI server, TlsMaterial tls, @Nullable String token) {

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

  /** Returns what the server's own paths are appended to. */
  String base() {
    var text = server.toString();
    return text.endsWith("/") ? text.substring(0, text.length() - 1) : text;
  }

  /** Without the token. */
  @Override
  public String toString() {
    return server.toString();
  }
}
