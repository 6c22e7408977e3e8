package io.jaconet.subnet.etcd;

import com.google.common.collect.ImmutableList;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.jaconet.internal.DaemonThreads;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls etcd: one connection at a time, to whichever member answers. A connection that fails is given up, and the next call finds another
 * member. Thread-safe; every call ends in bounded time.
 */
final class EtcdClient implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EtcdClient.class);

  /** How long all members together have to answer a new connection. */
  static final Duration CONNECT = Duration.ofSeconds(4);

  /** How long a failure to connect is the answer to everyone who asks. It bounds the attempts, and lets a failing watch say so in time. */
  private static final long FAILURE_STANDS_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private static final int READ_ATTEMPTS = 3;
  private static final int MAX_MESSAGE_BYTES = 64 << 20;

  private final ImmutableList<Endpoint> endpoints;
  private final TlsFiles tls;
  private final @Nullable Credentials credentials;
  private final EventLoopGroup network;
  private final ThreadPoolExecutor threads;
  private final Object lock = new Object();
  private @Nullable Connection current;
  private @Nullable Dial connecting;
  private @Nullable IOException lastFailure;
  private long failedNanos;
  private int preferred;
  private boolean closed;

  EtcdClient(ImmutableList<Endpoint> endpoints, TlsFiles tls, @Nullable Credentials credentials) {
    this.endpoints = endpoints;
    this.tls = tls;
    this.credentials = credentials;
    this.network = new MultiThreadIoEventLoopGroup(
        1, new DaemonThreads("jaconet-etcd-network"), NioIoHandler.newFactory());
    this.threads = new ThreadPoolExecutor(
        0,
        Integer.MAX_VALUE,
        5,
        TimeUnit.SECONDS,
        new SynchronousQueue<>(),
        new DaemonThreads("jaconet-etcd"));
    // Hosts that start together spread over the members.
    this.preferred = ThreadLocalRandom.current().nextInt(endpoints.size());
  }

  /** Returns threads that may be blocked. */
  Executor threads() {
    return threads;
  }

  /** Runs {@code task} after {@code delay} on a thread that must not be blocked; never, if the client is closed by then. */
  void schedule(Duration delay, Runnable task) {
    try {
      var unused = network.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException closing) {
      log.debug("Nothing is scheduled any more: {}", closing.toString());
    }
  }

  /** Asks something that changes nothing; of another member if the first does not answer. */
  byte[] read(Rpc rpc, byte[] request, Duration timeout) throws IOException {
    for (int attempt = 1; ; attempt++) {
      try {
        return write(rpc, request, timeout);
      } catch (CallFailure e) {
        if (!e.isOfThisConnection() || attempt == READ_ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  /** Calls once. If that fails, whether it has happened is unknown. */
  byte[] write(Rpc rpc, byte[] request, Duration timeout) throws IOException {
    var connection = connection();
    try {
      return connection.call(rpc, request, timeout);
    } catch (CallFailure e) {
      if (e.isOfThisConnection()) {
        drop(connection);
      }
      throw e;
    }
  }

  /** Returns a connection that has answered, making one if need be. */
  Connection connection() throws IOException {
    Dial dial;
    boolean isNew = false;
    Connection broken = null;
    synchronized (lock) {
      checkOpen();
      if (current != null && current.isReady()) {
        return current;
      }
      if (connecting == null) {
        if (lastFailure != null && System.nanoTime() - failedNanos < FAILURE_STANDS_NANOS) {
          throw new IOException(lastFailure.getMessage(), lastFailure);
        }
        broken = current;
        current = null;
        connecting = new Dial(inOrder(), this::connect, this::schedule);
        isNew = true;
      }
      dial = connecting;
    }
    if (broken != null) {
      broken.close();
    }
    if (isNew) {
      var unused = dial.result().whenComplete(this::ended);
      dial.start();
    }
    try {
      // A copy: whoever is interrupted must not cancel it for the others.
      return Connection.await(dial.result().thenApply(connection -> connection));
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      // To each an exception of its own: what callers do with theirs must not meet another's.
      throw new IOException(e.getMessage(), e);
    }
  }

  private ImmutableList<Endpoint> inOrder() {
    var order = ImmutableList.<Endpoint>builder();
    for (int i = 0; i < endpoints.size(); i++) {
      order.add(endpoints.get((preferred + i) % endpoints.size()));
    }
    return order.build();
  }

  private Connection connect(Endpoint endpoint) throws IOException {
    var builder = NettyChannelBuilder.forAddress(
            endpoint.address().getHost(), endpoint.address().getPort())
        .eventLoopGroup(network)
        .channelType(NioSocketChannel.class)
        .withOption(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) Dial.SILENCE.toMillis())
        .directExecutor()
        .offloadExecutor(threads)
        .keepAliveTime(10, TimeUnit.SECONDS)
        .keepAliveTimeout(3, TimeUnit.SECONDS)
        .maxInboundMessageSize(MAX_MESSAGE_BYTES)
        .disableServiceConfigLookUp()
        // Not the JVM's proxy: etcd is asked directly or not at all.
        .proxyDetector(address -> null);
    if (endpoint.tls()) {
      builder.sslContext(tls.context());
    } else {
      builder.usePlaintext();
    }
    return new Connection(endpoint, builder.build(), credentials);
  }

  private void ended(@Nullable Connection made, @Nullable Throwable failure) {
    boolean late;
    boolean changed;
    synchronized (lock) {
      connecting = null;
      changed = (failure == null) != (lastFailure == null);
      late = closed;
      if (failure == null) {
        lastFailure = null;
        current = late ? null : made;
      } else {
        var cause = Connection.unwrap(failure);
        lastFailure = cause instanceof IOException e ? e : new IOException(cause);
        failedNanos = System.nanoTime();
      }
    }
    if (late) {
      if (made != null) {
        made.close();
      }
    } else if (made != null && changed) {
      log.info("etcd answers again, at {}", made.endpoint());
    } else if (failure != null && changed) {
      log.warn(
          "Cannot reach etcd, will try again: {}", Connection.unwrap(failure).getMessage());
    }
  }

  /** Gives up a connection that does not work; the next one is tried with the other members first. */
  void drop(Connection connection) {
    synchronized (lock) {
      if (current == connection) {
        current = null;
        preferred = (endpoints.indexOf(connection.endpoint()) + 1) % endpoints.size();
      }
    }
    connection.close();
  }

  void checkOpen() throws IOException {
    synchronized (lock) {
      if (closed) {
        throw new IOException("the lease store is closed");
      }
    }
  }

  @Override
  public void close() {
    Connection open;
    Dial dial;
    synchronized (lock) {
      closed = true;
      open = current;
      dial = connecting;
      current = null;
    }
    if (dial != null) {
      dial.close();
    }
    if (open != null) {
      open.close();
    }
    var unused = network.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    threads.shutdown();
  }
}
