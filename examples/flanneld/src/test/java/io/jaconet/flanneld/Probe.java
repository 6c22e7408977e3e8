package io.jaconet.flanneld;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.jaconet.testkit.Station;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Asks a daemon for its health, as a kubelet on its host does. */
record Probe(Station host) {
  static final int PORT = 8081;

  static Probe of(Station host) {
    return new Probe(host);
  }

  /** Returns status line and body. */
  String get(String path) throws IOException {
    return host.namespace().<String, IOException>call(() -> {
      try (var socket = new Socket(InetAddress.getLoopbackAddress(), PORT)) {
        socket.getOutputStream().write(("GET " + path + " HTTP/1.0\r\n\r\n").getBytes(UTF_8));
        var answer = new String(socket.getInputStream().readAllBytes(), UTF_8);
        return answer.lines().findFirst().orElse("") + answer.substring(answer.indexOf("\r\n\r\n"));
      }
    });
  }

  /** Asks until the answer contains {@code text}, and returns how long that took. */
  Duration await(String path, String text, Duration limit) throws IOException {
    long start = System.nanoTime();
    while (true) {
      var answer = answer(path);
      var took = Duration.ofNanos(System.nanoTime() - start);
      if (answer.contains(text)) {
        return took;
      }
      if (took.compareTo(limit) > 0) {
        throw new AssertionError("not '" + text + "' within " + limit + " but: " + answer);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
    }
  }

  private String answer(String path) {
    try {
      return get(path);
    } catch (IOException notServedYet) {
      return notServedYet.toString();
    }
  }
}
