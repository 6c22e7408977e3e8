package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.gson.stream.MalformedJsonException;
import io.jaconet.event.Backoff;
import io.jaconet.internal.DaemonThreads;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URLEncoder;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one watch of all nodes that every network of a cluster's connection shares: lists them in pages, then follows the changes, on a thread
 * of its own. When the connection breaks it goes on after the last change; when the server does not remember that, or makes no sense, it
 * lists again, and nodes that have not changed meanwhile cause nothing.
 *
 * <p>A server that keeps silent is asked something else now and then. If it does not answer, and cannot be reached for some seconds, the
 * watchers are told; whoever watches anew is answered when it is back.
 */
final class NodeWatch implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(NodeWatch.class);

  private static final int PAGE = 500;
  private static final Duration TICK = Duration.ofSeconds(1);
  private static final long SILENCE_NANOS = TimeUnit.SECONDS.toNanos(4);

  /** How long a list may be silent, or take for the rest of an event. */
  private static final Duration LIST_SILENCE = Duration.ofSeconds(10);

  /** How long a page of a list may take. */
  private static final Duration PAGE_LIMIT = Duration.ofSeconds(60);

  /** How long a watch may take to begin. */
  private static final Duration BEGIN_SILENCE = Duration.ofSeconds(3);

  /**
   * For how long a watch may tell nothing at all before it is begun anew, since its connection may have been forgotten on the way. Bookmarks
   * come about every minute.
   */
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(100);

  private static final Duration PROBE = Duration.ofSeconds(3);

  /** For how long the watch may be broken before the watchers are told. */
  private static final long RESUME_NANOS = TimeUnit.SECONDS.toNanos(3);

  private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(1_500);
  private static final Duration LONGEST_RETRY_AFTER = Duration.ofSeconds(10);

  /** A watch that lasts for less, and tells nothing, is no sign of a server in good health. */
  private static final long SHORT_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final int MIN_WATCH_SECONDS = 300;
  private static final long AWAIT_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final ApiClient api;
  private final Object lock = new Object();
  private final SplittableRandom random = new SplittableRandom();
  private final Backoff backoff = new Backoff(FIRST_PAUSE, LONGEST_PAUSE, random);
  private final Map<AnnotationNames, NodeTable> tables = new LinkedHashMap<>();
  private final Set<NodeSubscription> subscriptions = new LinkedHashSet<>();
  private boolean started;
  private boolean closed;
  private boolean current;
  private boolean listDue = true;
  private long failures;
  private @Nullable IOException failure;
  private @Nullable Exchange exchange;
  private @Nullable WatchLines lines;
  private boolean restarting;

  /** Why the exchange was closed from another thread. */
  private @Nullable IOException verdict;

  /** Whether the last call was not answered; confined to the watching thread. */
  private boolean unanswered;

  /** Whether there was no connection for the last call; confined to the watching thread. */
  private boolean unreached;

  private boolean broken;
  private long brokenNanos;

  /** When the server last answered a question; confined to the ticks. */
  private long answeredNanos = System.nanoTime();

  /** The revision up to which everything was told; written by the watching thread alone. */
  private volatile long position;

  NodeWatch(ApiClient api) {
    this.api = api;
  }

  Object lock() {
    return lock;
  }

  /** Returns whether the tables are what the server says, as far as is known. Called with the lock. */
  boolean isCurrent() {
    return current;
  }

  /** Returns the nodes with annotations of these names. The first to ask for them has all nodes listed again. */
  NodeTable table(AnnotationNames names) {
    Exchange running;
    synchronized (lock) {
      var known = tables.get(names);
      if (known != null) {
        return known;
      }
      api.want(names);
      tables.put(names, new NodeTable(names));
      listDue = true;
      current = false;
      restarting = true;
      running = exchange;
    }
    if (running != null) {
      running.close();
    }
    return table(names);
  }

  /** Begins to tell {@code watcher}; {@code ended} is told when that is over. */
  NodeSubscription subscribe(
      NodeTable table, SubnetManager.Watcher watcher, Consumer<NodeSubscription> ended)
      throws IOException {
    var subscription = new NodeSubscription(this, table, watcher, api.sequential(), ended);
    synchronized (lock) {
      start();
      subscriptions.add(subscription);
      if (current) {
        subscription.add(ImmutableList.of());
      }
    }
    return subscription;
  }

  void remove(NodeSubscription subscription) {
    synchronized (lock) {
      subscriptions.remove(subscription);
    }
  }

  /** Waits until all nodes are known, and throws why they cannot be if that is found out meanwhile. */
  void awaitCurrent() throws IOException {
    synchronized (lock) {
      start();
      long before = failures;
      long end = System.nanoTime() + AWAIT_NANOS;
      while (!current && failures == before && !closed) {
        long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
        if (left <= 0) {
          throw new IOException("the API server has not told of the nodes for "
              + TimeUnit.NANOSECONDS.toSeconds(AWAIT_NANOS) + " s");
        }
        try {
          lock.wait(left);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new InterruptedIOException("interrupted while waiting for the API server");
        }
      }
      checkOpen();
      if (!current && failure != null) {
        throw new IOException(failure.getMessage(), failure);
      }
    }
  }

  /** Takes what the server answered to a write of ours, sooner than the watch tells of it. */
  void learn(Node node) {
    change(table -> table.put(node));
  }

  /** Returns what {@code question} finds while nothing changes. */
  <T> T ask(NodeTable table, Function<NodeTable, T> question) {
    synchronized (lock) {
      return question.apply(table);
    }
  }

  private void start() throws IOException {
    checkOpen();
    if (!started) {
      started = true;
      new DaemonThreads("jaconet-kubernetes-watch").newThread(this::run).start();
      tickLater();
    }
  }

  private void checkOpen() throws IOException {
    if (closed) {
      throw new IOException("the connection to the cluster is closed");
    }
  }

  private void run() {
    while (!isClosed()) {
      long begun = System.nanoTime();
      Duration pause;
      try {
        begin();
        if (takeListDue()) {
          list();
        }
        boolean told = follow();
        boolean well = told || System.nanoTime() - begun > SHORT_NANOS;
        pause = well ? Duration.ZERO : backoff.next();
      } catch (IOException | RuntimeException e) {
        pause = failed(e instanceof IOException io ? io : new IOException("the watch failed", e));
      }
      pause(pause);
    }
  }

  private boolean isClosed() {
    synchronized (lock) {
      return closed;
    }
  }

  private void begin() throws IOException {
    synchronized (lock) {
      verdict = null;
      restarting = false;
      checkOpen();
    }
    if (unreached) {
      api.connect(PROBE);
      unreached = false;
    }
    if (unanswered) {
      // A watch that is not answered holds its connection until it would have ended.
      api.probe(PROBE);
      unanswered = false;
    }
  }

  /** Sends a call that is closed when the nodes have to be listed anew, or nobody is interested any more. */
  private Exchange open(String target, Duration limit) throws IOException {
    var opened = api.send("GET", target, null, limit);
    boolean wanted;
    synchronized (lock) {
      exchange = opened;
      lines = null;
      wanted = !closed && !restarting;
    }
    if (!wanted) {
      opened.close();
    }
    return opened;
  }

  private boolean takeListDue() {
    synchronized (lock) {
      boolean due = listDue;
      listDue = false;
      return due;
    }
  }

  private void list() throws IOException {
    boolean done = false;
    try {
      var nodes = new ArrayList<Node>();
      ApiObject page;
      var continuation = "";
      do {
        var target = ApiClient.NODES + "?limit=" + PAGE
            + (continuation.isEmpty() ? "" : "&continue=" + URLEncoder.encode(continuation, UTF_8));
        try (var opened = open(target, PAGE_LIMIT)) {
          page = api.read(opened.answer(LIST_SILENCE), nodes::add);
        }
        continuation = page.continuation();
      } while (!continuation.isEmpty());
      position = page.revision();
      change(table -> table.replaceAll(nodes, position));
      log.debug("{} nodes at revision {}", nodes.size(), position);
      done = true;
    } finally {
      if (!done) {
        listLater();
      }
    }
    isWell();
  }

  private void listLater() {
    synchronized (lock) {
      listDue = true;
    }
  }

  /** Follows the changes until the server ends that; returns whether it told anything. */
  private boolean follow() throws IOException {
    int seconds = MIN_WATCH_SECONDS + random.nextInt(MIN_WATCH_SECONDS);
    var target = ApiClient.NODES + "?watch=true&allowWatchBookmarks=true&resourceVersion="
        + position + "&timeoutSeconds=" + seconds;
    try (var opened = open(target, Duration.ofSeconds(seconds).plus(LIST_SILENCE))) {
      var body = new WatchLines(opened.answer(BEGIN_SILENCE));
      isWell();
      synchronized (lock) {
        lines = body;
      }
      return follow(body);
    } catch (ApiFailure e) {
      if (e.status() == ApiFailure.GONE) {
        listLater();
      }
      throw e;
    }
  }

  private boolean follow(WatchLines body) throws IOException {
    boolean told = false;
    for (var line = body.next(); line != null; line = body.next()) {
      try {
        apply(WatchEvent.read(line, api::isWanted));
      } catch (MalformedJsonException e) {
        listLater();
        throw e;
      }
      told = true;
      backoff.reset();
    }
    return told;
  }

  private void apply(WatchEvent event) throws IOException {
    switch (event.type()) {
      case "ADDED", "MODIFIED" -> {
        var node = event.object().node();
        change(table -> table.put(node));
      }
      case "DELETED" -> {
        var node = event.object().node();
        change(table -> table.delete(node));
      }
      case "BOOKMARK" -> {
        long passed = event.object().revision();
        synchronized (lock) {
          tables.values().forEach(table -> table.passed(passed));
        }
      }
      case "ERROR" ->
        throw new ApiFailure(
            "the watch of nodes", event.object().code(), event.object().failure(), null);
      default -> throw new MalformedJsonException("an event of an unknown kind");
    }
    position = Math.max(position, event.object().revision());
  }

  private void change(Function<NodeTable, ImmutableList<LeaseEvent>> step) {
    synchronized (lock) {
      for (var table : tables.values()) {
        var events = step.apply(table);
        if (!events.isEmpty()) {
          for (var subscription : subscriptions) {
            if (subscription.table() == table) {
              subscription.add(events);
            }
          }
        }
      }
    }
  }

  /** Notes that the server answers, and that the tables are current but for what it is about to tell. */
  private void isWell() {
    synchronized (lock) {
      if (broken && !current) {
        log.info("The API server answers again");
      }
      broken = false;
      failure = null;
      if (!current && !listDue) {
        current = true;
        subscriptions.forEach(subscription -> subscription.add(ImmutableList.of()));
        lock.notifyAll();
      }
    }
  }

  /** Returns how long to wait before the next attempt. */
  private Duration failed(IOException thrown) {
    unanswered |= thrown instanceof HttpTimeoutException;
    unreached |= TcpProbe.isRefusal(thrown);
    var told = ImmutableList.<NodeSubscription>of();
    IOException cause;
    synchronized (lock) {
      // What has ended need not be asked whether it is alive.
      exchange = null;
      boolean expected =
          restarting || thrown instanceof ApiFailure refusal && refusal.status() == ApiFailure.GONE;
      if (closed || expected) {
        return backoff.next();
      }
      cause = verdict != null ? verdict : thrown;
      if (!broken) {
        broken = true;
        brokenNanos = System.nanoTime();
      }
      failure = cause;
      failures++;
      lock.notifyAll();
      if (current && System.nanoTime() - brokenNanos >= RESUME_NANOS) {
        current = false;
        told = ImmutableList.copyOf(subscriptions);
        subscriptions.clear();
      }
    }
    if (told.isEmpty()) {
      log.debug("The watch of the nodes goes on soon: {}", cause.toString());
    } else {
      log.warn("Cannot follow the nodes, will try again: {}", cause.getMessage());
      told.forEach(subscription -> subscription.fail(cause));
    }
    return pauseAfter(cause);
  }

  private Duration pauseAfter(IOException cause) {
    var pause = backoff.next();
    var wanted = cause instanceof ApiFailure refusal ? refusal.retryAfter() : null;
    if (wanted == null || wanted.compareTo(pause) < 0) {
      return pause;
    }
    return wanted.compareTo(LONGEST_RETRY_AFTER) < 0 ? wanted : LONGEST_RETRY_AFTER;
  }

  private void pause(Duration pause) {
    long end = System.nanoTime() + pause.toNanos();
    synchronized (lock) {
      try {
        for (long left = pause.toMillis(); left > 0 && !closed; ) {
          lock.wait(left);
          left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
        }
      } catch (InterruptedException e) {
        // The thread is nobody else's, so this is no request of anyone.
        log.debug("The watch of the nodes was interrupted");
      }
    }
  }

  private void tickLater() {
    api.schedule(TICK, this::tick);
  }

  /** Looks whether the server still says anything. */
  private void tick() {
    Exchange running;
    WatchLines followed;
    synchronized (lock) {
      running = exchange;
      followed = lines;
    }
    if (running != null) {
      judge(running, followed);
    }
    tickLater();
  }

  private void judge(Exchange running, @Nullable WatchLines followed) {
    long now = System.nanoTime();
    long silence = now - running.heardNanos();
    if (followed == null && silence > LIST_SILENCE.toNanos()) {
      condemn(running, new IOException("the API server does not answer"));
    } else if (followed != null && followed.isStuck(now, LIST_SILENCE.toNanos())) {
      condemn(running, new IOException("the API server does not end what it began to tell"));
    } else if (followed != null && silence > QUIET_NANOS) {
      renew(running);
    } else if (followed != null && Math.min(silence, now - answeredNanos) > SILENCE_NANOS) {
      probe(running);
    }
  }

  /** Has a watch begun anew after the last change. */
  private void renew(Exchange running) {
    synchronized (lock) {
      restarting |= exchange == running;
    }
    running.close();
  }

  /** Asks for something else. A connection that is only quiet goes on; one whose server does not answer is given up. */
  private void probe(Exchange running) {
    try {
      long revision = api.probe(PROBE);
      answeredNanos = System.nanoTime();
      if (revision < position) {
        // A watch would be silent until the revisions are there again.
        listLater();
        condemn(running, new IOException("the cluster was set back to revision " + revision));
      }
    } catch (ApiFailure refusal) {
      if (refusal.status() == ApiFailure.TOO_MANY_REQUESTS) {
        answeredNanos = System.nanoTime();
      } else {
        condemn(running, refusal);
      }
    } catch (IOException e) {
      condemn(running, e);
    }
  }

  private void condemn(Exchange running, IOException cause) {
    synchronized (lock) {
      if (exchange == running) {
        verdict = cause;
      }
    }
    running.close();
  }

  @Override
  public void close() {
    Exchange running;
    synchronized (lock) {
      closed = true;
      running = exchange;
      lock.notifyAll();
    }
    if (running != null) {
      running.close();
    }
  }
}
