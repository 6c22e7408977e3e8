package io.jaconet.subnet.etcd;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to reach any member: one after the other, without waiting long for one that keeps silent. The first that is in working order
 * wins.
 */
final class Dial {
  private static final Duration PATIENCE = Duration.ofMillis(250);

  /**
   * After how long a host that does not answer is connected to anew: TCP asks after one second and then ever more rarely whether packets get
   * through. A member that is slow, but whose host has answered, has all the time there is.
   */
  static final Duration SILENCE = Duration.ofSeconds(2);

  private final ImmutableList<Endpoint> endpoints;
  private final Connector connector;
  private final BiConsumer<Duration, Runnable> timer;
  private final CompletableFuture<Connection> result = new CompletableFuture<>();
  private final long startNanos = System.nanoTime();
  private final Set<Connection> open = new HashSet<>();

  /** The last one of each. */
  private final Map<Endpoint, Throwable> failures = new LinkedHashMap<>();

  private int next;

  /** Begins a connection. */
  interface Connector {
    Connection connect(Endpoint endpoint) throws IOException;
  }

  Dial(
      ImmutableList<Endpoint> endpoints,
      Connector connector,
      BiConsumer<Duration, Runnable> timer) {
    this.endpoints = endpoints;
    this.connector = connector;
    this.timer = timer;
  }

  /** Returns what completes with the connection, or with an {@link IOException} that names each member and its failure. */
  CompletableFuture<Connection> result() {
    return result;
  }

  void start() {
    tryNext(0);
  }

  /** Tries the member of this number, unless it has been. */
  private void tryNext(int number) {
    Endpoint endpoint;
    Connection connection;
    synchronized (this) {
      if (result.isDone() || number != next || number == endpoints.size()) {
        return;
      }
      next++;
      endpoint = endpoints.get(number);
      connection = connect(endpoint);
    }
    if (connection == null) {
      failed(null);
    } else {
      await(endpoint, connection);
      timer.accept(PATIENCE, () -> tryNext(number + 1));
    }
  }

  private synchronized @Nullable Connection connect(Endpoint endpoint) {
    if (result.isDone()) {
      return null;
    }
    try {
      var connection = connector.connect(endpoint);
      open.add(connection);
      return connection;
    } catch (IOException e) {
      failures.put(endpoint, e);
      return null;
    }
  }

  private void await(Endpoint endpoint, Connection connection) {
    long begunNanos = System.nanoTime();
    var unused = connection.open(left()).whenComplete((ready, failure) -> {
      if (failure == null) {
        succeeded(connection);
        return;
      }
      synchronized (this) {
        failures.put(endpoint, Connection.unwrap(failure));
      }
      boolean silent = System.nanoTime() - begunNanos >= SILENCE.toNanos();
      var anew = silent && left().compareTo(PATIENCE) > 0 ? connect(endpoint) : null;
      if (anew != null) {
        await(endpoint, anew);
      }
      failed(connection);
    });
  }

  private Duration left() {
    return EtcdClient.CONNECT.minusNanos(System.nanoTime() - startNanos);
  }

  private void succeeded(Connection winner) {
    ImmutableList<Connection> others;
    synchronized (this) {
      open.remove(winner);
      others = ImmutableList.copyOf(open);
      open.clear();
    }
    if (!result.complete(winner)) {
      winner.close();
    }
    others.forEach(Connection::close);
  }

  private void failed(@Nullable Connection loser) {
    int following;
    boolean over;
    synchronized (this) {
      open.remove(loser);
      following = next;
      over = open.isEmpty() && next == endpoints.size();
    }
    if (loser != null) {
      loser.close();
    }
    if (over) {
      result.completeExceptionally(failure());
    } else {
      tryNext(following);
    }
  }

  /** Gives up. */
  void close() {
    ImmutableList<Connection> tried;
    synchronized (this) {
      tried = ImmutableList.copyOf(open);
      open.clear();
    }
    result.completeExceptionally(new IOException("the lease store is closed"));
    tried.forEach(Connection::close);
  }

  private synchronized IOException failure() {
    var texts = failures.values().stream().map(Throwable::getMessage).toList();
    var failure = new IOException("no member of etcd can be used: " + String.join("; ", texts));
    failures.values().forEach(failure::addSuppressed);
    return failure;
  }
}
