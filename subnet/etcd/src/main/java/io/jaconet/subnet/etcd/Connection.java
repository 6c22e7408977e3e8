package io.jaconet.subnet.etcd;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A connection to one member of etcd. */
final class Connection {
  private static final Duration AUTHENTICATION = Duration.ofSeconds(5);
  private static final Metadata.Key<String> TOKEN =
      Metadata.Key.of("token", Metadata.ASCII_STRING_MARSHALLER);

  /** With it a member that knows no leader refuses at once instead of waiting for one. */
  private static final Metadata.Key<String> HAS_LEADER =
      Metadata.Key.of("hasleader", Metadata.ASCII_STRING_MARSHALLER);

  private final Endpoint endpoint;
  private final ManagedChannel channel;
  private final @Nullable Credentials credentials;
  private volatile @Nullable String token;

  Connection(Endpoint endpoint, ManagedChannel channel, @Nullable Credentials credentials) {
    this.endpoint = endpoint;
    this.channel = channel;
    this.credentials = credentials;
  }

  Endpoint endpoint() {
    return endpoint;
  }

  /** Returns whether calls can be sent now, as far as is known. */
  boolean isReady() {
    return channel.getState(false) == ConnectivityState.READY;
  }

  /** Ends the connection and what runs over it. */
  void close() {
    channel.shutdownNow();
  }

  /** Completes when the member is found to be in working order, with a token if one is needed. */
  CompletableFuture<Connection> open(Duration timeout) {
    return start(Rpc.STATUS, new byte[0], timeout)
        .thenCompose(status -> {
          requireLeader(status);
          return authenticate();
        })
        .thenApply(authenticated -> this);
  }

  private void requireLeader(byte[] status) {
    long leader = 0;
    try {
      var reader = new ProtoReader(status);
      while (reader.next()) {
        if (reader.field() == 4) {
          leader = reader.number();
        }
      }
    } catch (IOException e) {
      throw new CompletionException(e);
    }
    if (leader == 0) {
      throw new CompletionException(
          new CallFailure(endpoint, Status.UNAVAILABLE.withDescription("it knows no leader")));
    }
  }

  private CompletableFuture<@Nullable Void> authenticate() {
    if (credentials == null) {
      return CompletableFuture.completedFuture(null);
    }
    var request = new ProtoWriter().text(1, credentials.user()).text(2, credentials.password());
    return start(Rpc.AUTHENTICATE, request.toByteArray(), AUTHENTICATION)
        .handle((answer, failure) -> {
          if (failure != null
              && !(unwrap(failure) instanceof CallFailure f && f.isOfMissingUsers())) {
            throw new CompletionException(unwrap(failure));
          }
          token = answer == null ? null : tokenIn(answer);
          return null;
        });
  }

  private static @Nullable String tokenIn(byte[] answer) {
    try {
      String found = null;
      var reader = new ProtoReader(answer);
      while (reader.next()) {
        if (reader.field() == 2) {
          found = reader.text();
        }
      }
      return found;
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  static Throwable unwrap(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }

  /** Calls and waits for the answer. A token that has expired is renewed once. */
  byte[] call(Rpc rpc, byte[] request, Duration timeout) throws IOException {
    try {
      return await(start(rpc, request, timeout));
    } catch (CallFailure e) {
      if (credentials == null || !e.isOfToken()) {
        throw e;
      }
      await(authenticate());
      return await(start(rpc, request, timeout));
    }
  }

  /** Waits for a future that completes by itself in bounded time. */
  static <T extends @Nullable Object> T await(CompletableFuture<T> future) throws IOException {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      future.cancel(false);
      throw new InterruptedIOException("interrupted while waiting for etcd");
    } catch (ExecutionException e) {
      var cause = unwrap(e.getCause() == null ? e : e.getCause());
      if (cause instanceof IOException failure) {
        throw failure;
      }
      throw new IOException("the call to etcd failed", cause);
    }
  }

  private CompletableFuture<byte[]> start(Rpc rpc, byte[] request, Duration timeout) {
    var answer = new CompletableFuture<byte[]>();
    var options = CallOptions.DEFAULT.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
    var call = channel.newCall(rpc.descriptor(), options);
    call.start(new UnaryListener(answer), headers(rpc));
    call.sendMessage(request);
    call.halfClose();
    call.request(2);
    return answer.whenComplete((message, failure) -> {
      if (answer.isCancelled()) {
        call.cancel("nobody waits for the answer", null);
      }
    });
  }

  /** Starts a call that goes on until it is cancelled or fails. */
  ClientCall<byte[], byte[]> stream(Rpc rpc, ClientCall.Listener<byte[]> listener) {
    var call = channel.newCall(rpc.descriptor(), CallOptions.DEFAULT);
    call.start(listener, headers(rpc));
    return call;
  }

  CallFailure failure(Status status) {
    return new CallFailure(endpoint, status);
  }

  private Metadata headers(Rpc rpc) {
    var headers = new Metadata();
    if (rpc != Rpc.STATUS) {
      headers.put(HAS_LEADER, "true");
    }
    var current = token;
    // Etcd refuses a new token to whoever shows it one that it does not know.
    if (current != null && rpc != Rpc.AUTHENTICATE) {
      headers.put(TOKEN, current);
    }
    return headers;
  }

  private final class UnaryListener extends ClientCall.Listener<byte[]> {
    private final CompletableFuture<byte[]> answer;
    private byte @Nullable [] message;

    UnaryListener(CompletableFuture<byte[]> answer) {
      this.answer = answer;
    }

    @Override
    public void onMessage(byte[] received) {
      message = received;
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      if (!status.isOk()) {
        answer.completeExceptionally(failure(status));
      } else if (message == null) {
        answer.completeExceptionally(
            failure(Status.INTERNAL.withDescription("an answer without a message")));
      } else {
        answer.complete(message);
      }
    }
  }
}
