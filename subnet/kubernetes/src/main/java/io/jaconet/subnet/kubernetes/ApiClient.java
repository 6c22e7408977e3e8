package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.io.ByteStreams;
import com.google.common.util.concurrent.MoreExecutors;
import com.google.gson.JsonObject;
import com.google.gson.stream.JsonReader;
import io.jaconet.internal.DaemonThreads;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The calls of an API server that are needed here, over fabric8's HTTP client, and the threads on which they are waited for. Thread-safe.
 *
 * <p>Fabric8's own operations are not used: they need the types of most kinds of objects, take each node apart and keep all of it, lose
 * what a server says when it refuses a watch, and spoil events with text that is not ASCII.
 */
final class ApiClient implements AutoCloseable {
  static final String NODES = "/api/v1/nodes";
  private static final Logger log = LoggerFactory.getLogger(ApiClient.class);
  private static final Duration CALL = Duration.ofSeconds(8);

  private final ApiAccess.Source source;
  private final Set<Exchange> open = ConcurrentHashMap.newKeySet();
  private final Set<AnnotationNames> wanted = new CopyOnWriteArraySet<>();
  private final ScheduledThreadPoolExecutor timer =
      new ScheduledThreadPoolExecutor(1, new DaemonThreads("jaconet-kubernetes-timer"));
  private final ThreadPoolExecutor threads = new ThreadPoolExecutor(
      0,
      Integer.MAX_VALUE,
      5,
      TimeUnit.SECONDS,
      new SynchronousQueue<>(),
      new DaemonThreads("jaconet-kubernetes"));
  private final RenewedHttpClient http = new RenewedHttpClient(threads);
  private volatile boolean closed;

  ApiClient(ApiAccess.Source source) {
    this.source = source;
    timer.setRemoveOnCancelPolicy(true);
    timer.setKeepAliveTime(5, TimeUnit.SECONDS);
    timer.allowCoreThreadTimeOut(true);
  }

  /** Has the annotations with these names kept in nodes that are read from now on. */
  void want(AnnotationNames names) {
    wanted.add(names);
  }

  /** Returns whether the annotation is kept. */
  boolean isWanted(String annotation) {
    for (var names : wanted) {
      if (names.covers(annotation)) {
        return true;
      }
    }
    return false;
  }

  /** Returns the node. */
  Node node(String name) throws IOException {
    return call("GET", NODES + "/" + name, null, CALL).node();
  }

  /** Returns the name of the node that a pod runs on; empty if it has none yet. */
  String nodeOfPod(String namespace, String pod) throws IOException {
    return call("GET", "/api/v1/namespaces/" + namespace + "/pods/" + pod, null, CALL)
        .nodeName();
  }

  /** Merges {@code patch} into the node through its status, which is the part that a node may change, and returns the node then. */
  Node patchStatus(String node, JsonObject patch) throws IOException {
    return call("PATCH", NODES + "/" + node + "/status", patch, CALL).node();
  }

  /** Finds out whether the server still answers, and still lets us list nodes; returns the revision of now. */
  long probe(Duration limit) throws IOException {
    return call("GET", NODES + "?limit=1", null, limit).revision();
  }

  /** Finds out whether anything listens where the server should be, without a call. */
  void connect(Duration limit) throws IOException {
    TcpProbe.connect(source.current().server(), limit);
  }

  private ApiObject call(String method, String target, @Nullable JsonObject patch, Duration limit)
      throws IOException {
    try (var exchange = send(method, target, patch, limit)) {
      // The answer may begin in time and never end.
      var end = timer.schedule(exchange::close, limit.toNanos(), TimeUnit.NANOSECONDS);
      try {
        return read(exchange.answer(limit), node -> {});
      } catch (IOException e) {
        throw end.isDone() ? exchange.silent(limit) : e;
      } finally {
        end.cancel(false);
      }
    } catch (RejectedExecutionException e) {
      throw new IOException("the connection to the cluster is closed", e);
    }
  }

  /**
   * Sends a call, whose exchange is to be closed by the caller.
   *
   * @param target the path and the query, below the server's own path
   * @param limit after which the connection is given up unless the answer has begun; from Java 26 on, unless it has ended
   */
  Exchange send(String method, String target, @Nullable JsonObject patch, Duration limit)
      throws IOException {
    var access = source.current();
    var client = http.of(access.tls());
    var request = client
        .newHttpRequestBuilder()
        .uri(access.base() + target)
        .header("Accept", "application/json")
        .header("User-Agent", "jaconet")
        .timeout(limit.toMillis(), TimeUnit.MILLISECONDS);
    if (access.token() != null) {
      request.header("Authorization", "Bearer " + access.token());
    }
    if (patch != null) {
      request.method(method, "application/strategic-merge-patch+json", patch.toString());
    }
    var body = new AnswerBody();
    var exchange = new Exchange(
        method + " " + target, body, client.consumeBytes(request.build(), body), open::remove);
    open.add(exchange);
    if (closed) {
      exchange.close();
      throw new IOException("the connection to the cluster is closed");
    }
    return exchange;
  }

  /** Reads an object, or the page of a list whose items {@code items} is told of. */
  ApiObject read(InputStream body, Consumer<Node> items) throws IOException {
    var object =
        ApiObject.read(new JsonReader(new InputStreamReader(body, UTF_8)), this::isWanted, items);
    // Else the connection would be of no use for the next call.
    ByteStreams.exhaust(body);
    return object;
  }

  /** Returns an executor on threads that may be blocked, for tasks one after the other. */
  Executor sequential() {
    return MoreExecutors.newSequentialExecutor(threads);
  }

  /** Runs a task on a thread that may be blocked; never if the client is closed. */
  void execute(Runnable task) {
    try {
      threads.execute(task);
    } catch (RejectedExecutionException closing) {
      log.debug("Nothing is begun any more: {}", closing.toString());
    }
  }

  /** Runs a task on a thread that may be blocked, after a while; never if the client is closed by then. */
  void schedule(Duration delay, Runnable task) {
    try {
      var unused = timer.schedule(() -> execute(task), delay.toNanos(), TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException closing) {
      log.debug("Nothing is scheduled any more: {}", closing.toString());
    }
  }

  boolean isClosed() {
    return closed;
  }

  /** Ends all calls with an exception. Idempotent. */
  @Override
  public void close() {
    closed = true;
    timer.shutdownNow();
    open.forEach(Exchange::close);
    threads.shutdown();
  }
}
