package io.jaconet.testkit.kubernetes;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * A Kubernetes API server that has nodes and pods: lists in pages, watches with bookmarks, strategic and JSON merge patches with
 * conflicts, discovery enough for kubectl. A test plays the rest of the cluster by its methods, and makes it fail as real ones do.
 *
 * <p>Thread-safe.
 */
public final class ApiServer implements AutoCloseable {
  private static final String NODES = "/api/v1/nodes";
  private static final int LONGEST_WATCH_SECONDS = 3_600;

  private final InetAddress at;
  private final @Nullable SSLContext tls;
  private final ExecutorService threads;
  private final NodeStore store = new NodeStore();
  private final Map<String, String> pods = new HashMap<>();
  private final List<ApiCall> calls = new ArrayList<>();
  private final List<Refusal> refusals = new ArrayList<>();
  private final Set<HttpExchange> watches = new HashSet<>();
  private final List<String> injected = new ArrayList<>();
  private @Nullable HttpServer server;
  private @Nullable String token;
  private int port;
  private int pieceBytes;
  private int injections;
  private int watchEra;
  private int mutedEra = -1;
  private boolean frozen;
  private boolean bookmarks = true;

  private ApiServer(InetAddress at, @Nullable SSLContext tls) {
    this.at = at;
    this.tls = tls;
    var made = new AtomicInteger();
    this.threads = Executors.newCachedThreadPool(task -> {
      var thread = new Thread(task, "api-server-" + made.getAndIncrement());
      thread.setDaemon(true);
      return thread;
    });
  }

  /** A number of calls that are answered by an error. */
  private static final class Refusal {
    final Predicate<ApiCall> which;
    final int status;
    final int retryAfterSeconds;
    int times;

    Refusal(Predicate<ApiCall> which, int times, int status, int retryAfterSeconds) {
      this.which = which;
      this.times = times;
      this.status = status;
      this.retryAfterSeconds = retryAfterSeconds;
    }
  }

  /** Starts a server on loopback that speaks plain HTTP. */
  public static ApiServer start() throws IOException {
    return start(InetAddress.getLoopbackAddress(), null);
  }

  /**
   * Starts a server at an address of the calling thread's network namespace.
   *
   * @param tls what it does TLS with, asking for clients' certificates; null for plain HTTP
   */
  public static ApiServer start(InetAddress at, @Nullable SSLContext tls) throws IOException {
    var started = new ApiServer(at, tls);
    started.resume();
    return started;
  }

  /** Returns the server's address. */
  public synchronized String url() {
    return (tls == null ? "http" : "https") + "://" + at.getHostAddress() + ":" + port;
  }

  /** Ends the process of the server, as it were: its port is closed and every connection broken. What it knew stays. */
  public void stop() {
    HttpServer running;
    synchronized (this) {
      running = server;
      server = null;
      cutWatches();
    }
    if (running != null) {
      running.stop(0);
    }
  }

  /** Starts the server again at the same address, which has to be one of the calling thread's network namespace. */
  public synchronized void resume() throws IOException {
    var address = new InetSocketAddress(at, port);
    HttpServer created;
    if (tls == null) {
      created = HttpServer.create(address, 0);
    } else {
      var secure = HttpsServer.create(address, 0);
      secure.setHttpsConfigurator(new HttpsConfigurator(tls) {
        @Override
        public void configure(com.sun.net.httpserver.HttpsParameters parameters) {
          var wanted = getSSLContext().getDefaultSSLParameters();
          wanted.setWantClientAuth(true);
          parameters.setSSLParameters(wanted);
        }
      });
      created = secure;
    }
    created.setExecutor(threads);
    created.createContext("/", this::handle);
    created.start();
    port = created.getAddress().getPort();
    server = created;
  }

  /** Demands a bearer token from now on, none if it is null. */
  public synchronized void requireToken(@Nullable String wanted) {
    token = wanted;
  }

  /** Answers the next calls of a kind with {@code status}. */
  public synchronized void refuse(Predicate<ApiCall> which, int times, int status) {
    refusals.add(new Refusal(which, times, status, 0));
  }

  /** Answers the next calls of a kind with 429 and the wish to be left alone for some seconds. */
  public synchronized void throttle(Predicate<ApiCall> which, int times, int retryAfterSeconds) {
    refusals.add(new Refusal(which, times, 429, retryAfterSeconds));
  }

  /** Answers all calls again. */
  public synchronized void relent() {
    refusals.clear();
  }

  /** Keeps all connections, but says nothing until {@link #thaw}. */
  public synchronized void freeze() {
    frozen = true;
  }

  /** Goes on after {@link #freeze}. */
  public synchronized void thaw() {
    frozen = false;
    notifyAll();
  }

  /** Breaks the connections of all watches. */
  public synchronized void cutWatches() {
    watchEra++;
    watches.forEach(HttpExchange::close);
    watches.clear();
    notifyAll();
  }

  /** Lets the watches of now tell nothing any more, as if the way to their clients had been forgotten. */
  public synchronized void muteWatches() {
    mutedEra = watchEra++;
    watches.clear();
  }

  /** Sends what watches tell in pieces of at most so many bytes; 0 for whole lines. */
  public synchronized void tellInPieces(int bytes) {
    pieceBytes = bytes;
  }

  /** Has watches tell {@code text} as it is, whatever that may be. */
  public synchronized void tell(String text) {
    injected.add(text);
    injections++;
    notifyAll();
  }

  /** Lets other objects be written, and has watches told by a bookmark how far they are. */
  public synchronized void bookmark() {
    var metadata = new JsonObject();
    metadata.addProperty("resourceVersion", Long.toString(store.pass(10)));
    var node = new JsonObject();
    node.addProperty("kind", "Node");
    node.addProperty("apiVersion", "v1");
    node.add("metadata", metadata);
    var event = new JsonObject();
    event.addProperty("type", "BOOKMARK");
    event.add("object", node);
    if (bookmarks) {
      tell(event + "\n");
    }
  }

  /** Forgets what has happened: watches that begin earlier, and lists that were begun, get 410. */
  public synchronized void compact() {
    store.pass(10);
    store.compact();
  }

  /** Goes back to an earlier revision and forgets the rest, as after a restore of the cluster's own store. */
  public synchronized void rewind(long revision) {
    store.rewind(revision);
  }

  /** Returns the revision of the last write. */
  public synchronized long revision() {
    return store.revision();
  }

  /** Adds a node that is ready, with these subnets. */
  public void addNode(String name, String... podCidrs) {
    addNode(name, Map.of(), podCidrs);
  }

  /** Adds a node that is ready, with these annotations and subnets. */
  public synchronized void addNode(
      String name, Map<String, String> annotations, String... podCidrs) {
    var cidrs = new JsonArray();
    for (var cidr : podCidrs) {
      cidrs.add(cidr);
    }
    var spec = new JsonObject();
    if (podCidrs.length > 0) {
      spec.addProperty("podCIDR", podCidrs[0]);
      spec.add("podCIDRs", cidrs);
    }
    var texts = new JsonObject();
    annotations.forEach(texts::addProperty);
    var metadata = new JsonObject();
    metadata.addProperty("name", name);
    metadata.addProperty("uid", UUID.randomUUID().toString());
    metadata.addProperty(
        "creationTimestamp", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    metadata.add("annotations", texts);
    var node = new JsonObject();
    node.addProperty("kind", "Node");
    node.addProperty("apiVersion", "v1");
    node.add("metadata", metadata);
    node.add("spec", spec);
    node.add(
        "status", JsonParser.parseString("{\"conditions\":[" + condition("Ready", "True") + "]}"));
    put(node);
  }

  private static String condition(String type, String status) {
    return "{\"type\":\"" + type + "\",\"status\":\"" + status + "\"}";
  }

  private synchronized void put(JsonObject node) {
    store.put(node);
    notifyAll();
  }

  /** Merges JSON into a node as a strategic merge patch does, in whatever part of it. */
  public synchronized void merge(String node, String patch) {
    var merged = copy(node);
    NodeStore.merge(merged, JsonParser.parseString(patch).getAsJsonObject(), true);
    put(merged);
  }

  /** Sets an annotation, or removes it if {@code text} is null. */
  public synchronized void annotate(String node, String annotation, @Nullable String text) {
    var changed = copy(node);
    var annotations = changed.getAsJsonObject("metadata").getAsJsonObject("annotations");
    if (text == null) {
      annotations.remove(annotation);
    } else {
      annotations.addProperty(annotation, text);
    }
    put(changed);
  }

  /** Sets a condition of the node. */
  public void setCondition(String node, String type, String status) {
    merge(node, "{\"status\":{\"conditions\":[" + condition(type, status) + "]}}");
  }

  /** Deletes a node, if it is there. */
  public synchronized void deleteNode(String name) {
    store.delete(name);
    notifyAll();
  }

  /** Returns the names of the nodes. */
  public synchronized ImmutableList<String> nodes() {
    return ImmutableList.copyOf(store.names());
  }

  private synchronized JsonObject copy(String name) {
    var node = store.get(name);
    if (node == null) {
      throw new IllegalArgumentException("there is no node " + name);
    }
    return node.deepCopy();
  }

  /** Returns the annotations of a node. */
  public ImmutableMap<String, String> annotations(String node) {
    return texts(copy(node).getAsJsonObject("metadata").getAsJsonObject("annotations"));
  }

  /** Returns the fields of a condition of a node; empty if it does not have that. */
  public ImmutableMap<String, String> conditionOf(String node, String type) {
    for (var condition : copy(node).getAsJsonObject("status").getAsJsonArray("conditions")) {
      var fields = texts(condition.getAsJsonObject());
      if (type.equals(fields.get("type"))) {
        return fields;
      }
    }
    return ImmutableMap.of();
  }

  private static ImmutableMap<String, String> texts(JsonObject object) {
    var texts = ImmutableMap.<String, String>builder();
    object
        .entrySet()
        .forEach(entry -> texts.put(entry.getKey(), entry.getValue().getAsString()));
    return texts.buildOrThrow();
  }

  /** Adds a pod that runs on a node. */
  public synchronized void addPod(String namespace, String name, String node) {
    pods.put("/api/v1/namespaces/" + namespace + "/pods/" + name, node);
  }

  /** Returns the calls so far. */
  public synchronized ImmutableList<ApiCall> calls() {
    return ImmutableList.copyOf(calls);
  }

  /** Returns how many watches run. */
  public synchronized int watchCount() {
    return watches.size();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      var query = query(exchange.getRequestURI().getRawQuery());
      var path = exchange.getRequestURI().getPath();
      var call = ApiCall.of(
          exchange.getRequestMethod(), path, "true".equals(query.getOrDefault("watch", "")));
      var refusal = admit(exchange, call);
      if (refusal != null) {
        if (refusal.retryAfterSeconds > 0) {
          exchange
              .getResponseHeaders()
              .add("Retry-After", Integer.toString(refusal.retryAfterSeconds));
        }
        fail(exchange, refusal.status, "refused by the test");
      } else if (call.verb().equals("watch")) {
        watch(exchange, Long.parseLong(query.getOrDefault("resourceVersion", "0")), query);
      } else {
        answer(exchange, call, path, query);
      }
    }
  }

  private static Map<String, String> query(@Nullable String raw) {
    var query = new HashMap<String, String>();
    if (raw != null) {
      for (var word : Splitter.on('&').split(raw)) {
        int equals = word.indexOf('=');
        if (equals > 0) {
          query.put(
              word.substring(0, equals), URLDecoder.decode(word.substring(equals + 1), UTF_8));
        }
      }
    }
    return query;
  }

  private synchronized @Nullable Refusal admit(HttpExchange exchange, ApiCall call) {
    calls.add(call);
    awaitThaw();
    if (token != null
        && !("Bearer " + token).equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
      return new Refusal(any -> true, 1, 401, 0);
    }
    for (var refusal : refusals) {
      if (refusal.times > 0 && refusal.which.test(call)) {
        refusal.times--;
        return refusal;
      }
    }
    return null;
  }

  private synchronized void awaitThaw() {
    while (frozen) {
      waitForChange(TimeUnit.HOURS.toMillis(1));
    }
  }

  @SuppressWarnings("WaitNotInLoop") // Whoever calls it does so in one.
  private synchronized void waitForChange(long millis) {
    try {
      wait(millis);
    } catch (InterruptedException closing) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(closing);
    }
  }

  private void answer(HttpExchange exchange, ApiCall call, String path, Map<String, String> query)
      throws IOException {
    if (path.equals(NODES)) {
      list(exchange, query);
    } else if (call.resource().equals("pods")) {
      pod(exchange, path);
    } else if (call.resource().startsWith("nodes")) {
      node(exchange, call);
    } else {
      var discovery = Discovery.answer(path);
      if (discovery == null) {
        fail(exchange, 404, "the server could not find the requested resource");
      } else {
        send(exchange, 200, discovery);
      }
    }
  }

  private void list(HttpExchange exchange, Map<String, String> query) throws IOException {
    int limit = Integer.parseInt(query.getOrDefault("limit", "0"));
    var continuation = query.getOrDefault("continue", "");
    NodeStore.Page page;
    synchronized (this) {
      page = continuation.isEmpty() ? store.list(limit) : store.next(continuation, limit);
    }
    if (page == null) {
      fail(exchange, 410, "The provided continue parameter is too old");
      return;
    }
    var metadata = new JsonObject();
    metadata.addProperty("resourceVersion", Long.toString(page.revision()));
    if (!page.continuation().isEmpty()) {
      metadata.addProperty("continue", page.continuation());
    }
    var items = new JsonArray();
    page.items().forEach(items::add);
    var list = new JsonObject();
    list.addProperty("kind", "NodeList");
    list.addProperty("apiVersion", "v1");
    list.add("metadata", metadata);
    list.add("items", items);
    send(exchange, 200, list.toString());
  }

  private void pod(HttpExchange exchange, String path) throws IOException {
    String node;
    synchronized (this) {
      node = pods.get(path);
    }
    if (node == null) {
      fail(exchange, 404, "pods not found");
      return;
    }
    var spec = new JsonObject();
    spec.addProperty("nodeName", node);
    var pod = new JsonObject();
    pod.addProperty("kind", "Pod");
    pod.add("spec", spec);
    send(exchange, 200, pod.toString());
  }

  private void node(HttpExchange exchange, ApiCall call) throws IOException {
    if (call.verb().equals("get")) {
      JsonObject found;
      synchronized (this) {
        found = store.get(call.name());
      }
      if (found == null) {
        fail(exchange, 404, "nodes \"" + call.name() + "\" not found");
      } else {
        send(exchange, 200, found.toString());
      }
    } else if (call.verb().equals("patch")) {
      patch(exchange, call);
    } else {
      fail(exchange, 405, "not allowed");
    }
  }

  private void patch(HttpExchange exchange, ApiCall call) throws IOException {
    var type = String.valueOf(exchange.getRequestHeaders().getFirst("Content-Type"));
    boolean strategic = type.equals("application/strategic-merge-patch+json");
    if (!strategic && !type.equals("application/merge-patch+json")) {
      fail(exchange, 415, "the body of the request was in an unknown format");
      return;
    }
    var patch = JsonParser.parseString(new String(exchange.getRequestBody().readAllBytes(), UTF_8))
        .getAsJsonObject();
    int status = 200;
    String answer;
    synchronized (this) {
      var found = store.get(call.name());
      if (found == null) {
        status = 404;
        answer = "nodes \"" + call.name() + "\" not found";
      } else if (conflicts(found, patch)) {
        status = 409;
        answer = "the object has been modified; please apply your changes to the latest version";
      } else {
        patch.remove(call.resource().equals("nodes/status") ? "spec" : "status");
        var merged = found.deepCopy();
        NodeStore.merge(merged, patch, strategic);
        if (!merged.equals(found)) {
          put(merged);
        }
        answer = merged.toString();
      }
    }
    if (status == 200) {
      send(exchange, status, answer);
    } else {
      fail(exchange, status, answer);
    }
  }

  private static boolean conflicts(JsonObject found, JsonObject patch) {
    if (!(patch.get("metadata") instanceof JsonObject metadata)) {
      return false;
    }
    var wanted = metadata.get("resourceVersion");
    return wanted != null
        && !wanted.equals(found.getAsJsonObject("metadata").get("resourceVersion"));
  }

  private void watch(HttpExchange exchange, long from, Map<String, String> query)
      throws IOException {
    int seconds = Integer.parseInt(
        query.getOrDefault("timeoutSeconds", Integer.toString(LONGEST_WATCH_SECONDS)));
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    int era;
    int told;
    boolean gone;
    synchronized (this) {
      era = watchEra;
      told = injections;
      gone = from < store.compacted();
      bookmarks = "true".equals(query.get("allowWatchBookmarks"));
      watches.add(exchange);
    }
    try {
      exchange.getResponseHeaders().add("Content-Type", "application/json");
      exchange.sendResponseHeaders(200, 0);
      exchange.getResponseBody().flush();
      if (gone) {
        write(
            exchange,
            "{\"type\":\"ERROR\",\"object\":" + status(410, "too old resource version") + "}\n");
      } else {
        tellChanges(exchange, from, end, era, told);
      }
    } finally {
      synchronized (this) {
        watches.remove(exchange);
      }
    }
  }

  private void tellChanges(HttpExchange exchange, long from, long end, int era, int injectedBefore)
      throws IOException {
    long position = from;
    int told = injectedBefore;
    while (System.nanoTime() < end) {
      var lines = new StringBuilder();
      synchronized (this) {
        awaitThaw();
        if (era != watchEra) {
          while (era == mutedEra) {
            waitForChange(TimeUnit.HOURS.toMillis(1));
          }
          return;
        }
        for (var event : store.eventsAfter(position)) {
          lines.append(event.line());
          position = event.revision();
        }
        for (; told < injections; told++) {
          lines.append(injected.get(told));
        }
        if (lines.length() == 0) {
          waitForChange(100);
        }
      }
      if (lines.length() > 0) {
        write(exchange, lines.toString());
      }
    }
  }

  private void write(HttpExchange exchange, String text) throws IOException {
    var bytes = text.getBytes(UTF_8);
    int piece;
    synchronized (this) {
      piece = pieceBytes == 0 ? bytes.length : pieceBytes;
    }
    var out = exchange.getResponseBody();
    for (int at = 0; at < bytes.length; at += piece) {
      out.write(bytes, at, Math.min(piece, bytes.length - at));
      out.flush();
    }
  }

  private static void fail(HttpExchange exchange, int status, String message) throws IOException {
    exchange.getRequestBody().readAllBytes();
    send(exchange, status, status(status, message));
  }

  private static String status(int code, String message) {
    var status = new JsonObject();
    status.addProperty("kind", "Status");
    status.addProperty("apiVersion", "v1");
    status.addProperty("status", "Failure");
    status.addProperty("message", message);
    status.addProperty("code", code);
    return status.toString();
  }

  private static void send(HttpExchange exchange, int status, String json) throws IOException {
    var bytes = json.getBytes(UTF_8);
    exchange.getResponseHeaders().add("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  @Override
  public void close() {
    thaw();
    stop();
    threads.shutdownNow();
  }
}
