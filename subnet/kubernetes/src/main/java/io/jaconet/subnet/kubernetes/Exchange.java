package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.io.ByteStreams;
import com.google.gson.stream.JsonReader;
import io.fabric8.kubernetes.client.http.HttpResponse;
import java.io.FilterInputStream;
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
  private final CompletableFuture<HttpResponse<InputStream>> response;
  private final Consumer<Exchange> ended;
  private volatile long heardNanos = System.nanoTime();

  /** Creates the exchange of a {@code call} that was sent; {@code ended} is told when it is closed. */
  Exchange(
      String call,
      CompletableFuture<HttpResponse<InputStream>> response,
      Consumer<Exchange> ended) {
    this.call = call;
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
    HttpResponse<InputStream> begun;
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
    heard();
    var body = new Heard(begun.body());
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
    var said = thrown;
    while (said != null && said.getMessage() == null && said.getCause() != null) {
      said = said.getCause();
    }
    var reason = said == null
        ? "no answer"
        : said.getMessage() == null ? said.getClass().getSimpleName() : said.getMessage();
    return new IOException("cannot reach the API server for " + call + ": " + reason, thrown);
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
    return heardNanos;
  }

  private void heard() {
    heardNanos = System.nanoTime();
  }

  /** Ends the exchange for good, and whatever waits for it with an exception. Idempotent; may be called from any thread. */
  @Override
  public void close() {
    ended.accept(this);
    // An answer that comes in spite of that is closed by whoever has it by then.
    if (!response.cancel(true) && !response.isCompletedExceptionally()) {
      try {
        response.join().body().close();
      } catch (IOException e) {
        // It is of no more use in any case.
      }
    }
  }

  /** Notes when something was read. */
  private final class Heard extends FilterInputStream {
    Heard(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      var one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      try {
        int n = super.read(buffer, offset, length);
        heard();
        return n;
      } catch (IOException e) {
        // Fabric8 wraps what became of the connection.
        throw e.getCause() instanceof IOException cause ? cause : e;
      }
    }
  }
}
