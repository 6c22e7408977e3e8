package io.jaconet.subnet.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TcpProbeTest {
  private static final Duration LIMIT = Duration.ofSeconds(3);

  private static void connect(String host, int port) throws IOException {
    TcpProbe.connect(URI.create("https://" + host + ":" + port + "/below"), LIMIT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "[::1]", "localhost"})
  void knowsWhetherAnybodyListens(String host) throws Exception {
    int port;
    try (var listening = new ServerSocket(0, 50, InetAddress.getByName(host))) {
      port = listening.getLocalPort();
      connect(host, port);
    }

    var refused = assertThrows(IOException.class, () -> connect(host, port));

    assertTrue(TcpProbe.isRefusal(refused));
    assertEquals(
        "cannot reach the API server at " + host + ":" + port + ": Connection refused",
        refused.getMessage());
  }

  @Test
  void aConnectionThatBreaksLaterIsNoRefusal() {
    assertFalse(TcpProbe.isRefusal(new IOException("cut", new IOException("reset"))));
  }

  /** Nobody may be allowed to the server but the proxy. */
  @Test
  void leavesAServerBehindAProxyAlone() throws Exception {
    var before = ProxySelector.getDefault();
    ProxySelector.setDefault(new ProxySelector() {
      @Override
      public List<Proxy> select(URI uri) {
        return List.of(
            new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved("proxy.example", 3128)));
      }

      @Override
      public void connectFailed(URI uri, SocketAddress address, IOException failure) {}
    });
    try {
      connect("127.0.0.1", 1);
    } finally {
      ProxySelector.setDefault(before);
    }
  }
}
