package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.io.ByteStreams;
import com.google.gson.stream.JsonReader;
import io.fabric8.kubernetes.client.http.AsyncBody;
import io.fabric8.kubernetes.client.http.HttpResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.StringReader;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A call of the API server and its answer, which may come slowly. Whoever waits no longer closes it from another thread; everything else is
 * confined to one.
 */
final class Exchange implements AutoCloseable {
  private static final int MAX_FAILURE_BYTES = 1 << 16;

  private final String call;
  private final AnswerBody body;
  private final CompletableFuture<HttpResponse<AsyncBody>> response;
  private final Consumer<Exchange> ended;

  /** Creates the exchange of a {@code call} that was sent, with an answer into {@code body}; {@code ended} is told when it is closed. */
  Exchange(
      String call,
      AnswerBody body,
      CompletableFuture<HttpResponse<AsyncBody>> response,
      Consumer<Exchange> ended) {
    this.call = call;
    this.body = body;
    this.response = response;
    this.ended = ended;
  }

  /**
   * Waits for the answer and returns its body, to be read as it comes.
   *
   * @throws HttpTimeoutException if the answer has not begun within {@code limit}
   * @throws ApiFailure if the server refuses
   */
  InputStream answer(Duration limit) throws IOException {
    HttpResponse<AsyncBody> begun;
    try {
      begun = response.get(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw silent(limit);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the API server");
    } catch (CancellationException e) {
      throw new IOException("the call was given up", e);
    } catch (ExecutionException e) {
      throw failure(e.getCause(), limit);
    }
    body.begin(begun.body());
    if (!begun.isSuccessful()) {
      throw new ApiFailure(call, begun.code(), said(body), retryAfter(begun.header("Retry-After")));
    }
    return body;
  }

  HttpTimeoutException silent(Duration limit) {
    return new HttpTimeoutException(
        "the API server did not answer " + call + " within " + limit.toMillis() + " ms");
  }

  private IOException failure(@Nullable Throwable thrown, Duration limit) {
    if (thrown instanceof HttpTimeoutException) {
      return silent(limit);
    }
    return new IOException(
        "cannot reach the API server for " + call + ": " + describe(thrown), thrown);
  }

  /** Returns the first words in a chain of causes. */
  static String describe(@Nullable Throwable thrown) {
    for (var cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause.getMessage() != null) {
        return cause.getMessage();
      }
    }
    return thrown == null ? "no answer" : thrown.getClass().getSimpleName();
  }

  private static String said(InputStream body) throws IOException {
    var text = new String(ByteStreams.limit(body, MAX_FAILURE_BYTES).readAllBytes(), UTF_8).strip();
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

  /** Returns when the last byte came, by {@link System#nanoTime}. May be called from any thread. */
  long heardNanos() {
    return body.heardNanos();
  }

  /** Ends the exchange for good, and whatever waits for it with an exception. Idempotent; may be called from any thread. */
  @Override
  public void close() {
    ended.accept(this);
    // An answer that comes in spite of that is given up by whoever has it by then.
    if (!response.cancel(true) && !response.isCompletedExceptionally()) {
      response.join().body().cancel();
    }
  }
}
