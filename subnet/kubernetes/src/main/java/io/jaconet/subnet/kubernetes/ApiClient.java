package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableMap;
import com.google.common.io.ByteStreams;
import com.google.common.util.concurrent.MoreExecutors;
import com.google.gson.JsonObject;
import com.google.gson.stream.JsonReader;
import io.jaconet.internal.DaemonThreads;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.io.StringReader;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The calls of an API server that are needed here, and the threads on which they are waited for. Thread-safe. */
final class ApiClient implements AutoCloseable {
  static final String NODES = "/api/v1/nodes";
  private static final Logger log = LoggerFactory.getLogger(ApiClient.class);
  private static final Duration CALL = Duration.ofSeconds(8);
  private static final int MAX_FAILURE_BYTES = 1 << 16;

  private final ApiAccess.Source source;
  private final Set<HttpConnection> open = ConcurrentHashMap.newKeySet();
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
  long probe(Duration timeout) throws IOException {
    return call("GET", NODES + "?limit=1", null, timeout).revision();
  }

  private ApiObject call(String method, String target, @Nullable JsonObject patch, Duration timeout)
      throws IOException {
    var content = patch == null
        ? ImmutableMap.<String, byte[]>of()
        : ImmutableMap.of(
            "application/strategic-merge-patch+json", patch.toString().getBytes(UTF_8));
    try (var connection = connection()) {
      var answer = threads.submit(() -> {
        var response = connection.send(method, target, content);
        requireSuccess(method + " " + target, response);
        return read(response.body(), node -> {});
      });
      return answer.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new IOException(
          "the API server did not answer " + method + " " + target + " within " + timeout.toMillis()
              + " ms",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the API server");
    } catch (RejectedExecutionException | CancellationException e) {
      throw new IOException("the connection to the cluster is closed", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException cause) {
        throw cause;
      }
      throw new IOException("the call to the API server failed", e.getCause());
    }
  }

  /** Returns a connection, to be closed by the caller. */
  HttpConnection connection() throws IOException {
    var connection = new HttpConnection(source, open::remove);
    open.add(connection);
    if (closed) {
      connection.close();
      throw new IOException("the connection to the cluster is closed");
    }
    return connection;
  }

  /** Reads an object, or the page of a list whose items {@code items} is told of. */
  ApiObject read(InputStream body, Consumer<Node> items) throws IOException {
    return ApiObject.read(
        new JsonReader(new InputStreamReader(body, UTF_8)), this::isWanted, items);
  }

  /** Throws what the server says unless it is that all is well. */
  static void requireSuccess(String call, HttpConnection.Response response) throws IOException {
    if (response.status() / 100 == 2) {
      return;
    }
    var body = ByteStreams.limit(response.body(), MAX_FAILURE_BYTES).readAllBytes();
    throw new ApiFailure(
        call, response.status(), said(body), retryAfter(response.headers().get("retry-after")));
  }

  private static String said(byte[] body) {
    var text = new String(body, UTF_8).strip();
    try {
      return ApiObject.read(new JsonReader(new StringReader(text)), annotation -> false, node -> {})
          .failure();
    } catch (IOException noObjectOfTheApi) {
      return text;
    }
  }

  private static @Nullable Duration retryAfter(@Nullable String seconds) {
    return seconds != null && seconds.matches("[0-9]{1,4}")
        ? Duration.ofSeconds(Integer.parseInt(seconds))
        : null;
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
    open.forEach(HttpConnection::close);
    threads.shutdown();
  }
}
