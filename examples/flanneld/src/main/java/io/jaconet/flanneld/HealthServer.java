package io.jaconet.flanneld;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/** Answers /healthz and /readyz over plain HTTP: 200 or 503, and why. */
final class HealthServer implements AutoCloseable {
  private static final int OK = 200;
  private static final int NOT_FOUND = 404;
  private static final int UNAVAILABLE = 503;
  private static final int THREADS = 4;

  private final HttpServer server;
  private final ExecutorService threads;

  private HealthServer(HttpServer server, ExecutorService threads) {
    this.server = server;
    this.threads = threads;
  }

  /**
   * Starts to answer at {@code address}; the suppliers are called from several threads.
   *
   * @throws IOException if the address cannot be had
   */
  static HealthServer start(
      InetSocketAddress address, Supplier<Health> running, Supplier<Health> ready)
      throws IOException {
    HttpServer server;
    try {
      server = HttpServer.create(address, 0);
    } catch (IOException e) {
      throw new IOException(
          "health cannot be served at " + address + ": " + e.getMessage()
              + "; choose others by --healthz-ip and --healthz-port",
          e);
    }
    var threads = Executors.newFixedThreadPool(THREADS, task -> {
      var thread = new Thread(task, "flanneld-health");
      thread.setDaemon(true);
      return thread;
    });
    server.setExecutor(threads);
    server.createContext("/", exchange -> {
      switch (exchange.getRequestURI().getPath()) {
        case "/healthz" -> answer(exchange, running.get());
        case "/readyz" -> answer(exchange, ready.get());
        default -> answer(exchange, NOT_FOUND, "there are /healthz and /readyz");
      }
    });
    server.start();
    return new HealthServer(server, threads);
  }

  private static void answer(HttpExchange exchange, Health health) throws IOException {
    answer(exchange, health.ok() ? OK : UNAVAILABLE, health.text());
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    try (exchange) {
      byte[] body = text.getBytes(UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
      if (exchange.getRequestMethod().equals("HEAD")) {
        exchange.sendResponseHeaders(status, -1);
      } else {
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
      }
    }
  }

  /** Stops at once; an answer that is under way may be cut off. */
  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
