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
 * One attempt to reach any member: one after the other, without waiting long for one that keeps silent, and again as long as all do. The
 * first that is in working order wins.
 */
final class Dial {
  private static final Duration PATIENCE = Duration.ofMillis(250);

  /** After how long a member that keeps silent is tried again: TCP itself would ask ever more rarely whether packets get through. */
  private static final Duration ROUND = Duration.ofSeconds(1);

  private static final int ROUNDS = (int) EtcdClient.CONNECT.dividedBy(ROUND);

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

  /** Makes the attempt of this number, unless it has been made. */
  private void tryNext(int number) {
    Connection connection;
    var endpoint = endpoints.get(number % endpoints.size());
    synchronized (this) {
      if (result.isDone() || number != next || number == endpoints.size() * ROUNDS) {
        return;
      }
      next++;
      try {
        connection = connector.connect(endpoint);
        open.add(connection);
      } catch (IOException e) {
        connection = null;
        failures.put(endpoint, e);
      }
    }
    if (connection == null) {
      failed(null);
      return;
    }
    var tried = connection;
    var unused = connection.open(left()).whenComplete((ready, failure) -> {
      if (failure == null) {
        succeeded(tried);
      } else {
        synchronized (this) {
          failures.put(endpoint, Connection.unwrap(failure));
        }
        failed(tried);
      }
    });
    timer.accept(untilAttempt(number + 1), () -> tryNext(number + 1));
  }

  private Duration left() {
    return EtcdClient.CONNECT.minusNanos(System.nanoTime() - startNanos);
  }

  private Duration untilAttempt(int number) {
    if (number % endpoints.size() != 0) {
      return PATIENCE;
    }
    var round = ROUND.multipliedBy(number / endpoints.size());
    var left = round.minus(EtcdClient.CONNECT).plus(left());
    return left.isNegative() ? Duration.ZERO : left;
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
    boolean allTried;
    boolean over;
    synchronized (this) {
      open.remove(loser);
      following = next;
      allTried = next >= endpoints.size();
      over = allTried && open.isEmpty();
    }
    if (loser != null) {
      loser.close();
    }
    if (over) {
      result.completeExceptionally(failure());
    } else if (!allTried) {
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
