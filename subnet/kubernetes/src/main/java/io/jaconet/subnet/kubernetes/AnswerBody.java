package io.jaconet.subnet.kubernetes;

import io.fabric8.kubernetes.client.http.AsyncBody;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * The body of an answer, which is taken from the network no faster than it is read. Fabric8's own stream copies byte by byte, which takes as
 * long as all else does when 5,000 nodes are listed.
 */
final class AnswerBody extends InputStream implements AsyncBody.Consumer<List<ByteBuffer>> {
  private final Queue<ByteBuffer> buffers = new ArrayDeque<>();
  private @Nullable AsyncBody source;
  private @Nullable Throwable failure;
  private boolean ended;
  private volatile long heardNanos = System.nanoTime();

  /** Begins to take what {@code answer} brings. */
  void begin(AsyncBody answer) {
    heardNanos = System.nanoTime();
    synchronized (this) {
      source = answer;
    }
    var unused = answer.done().whenComplete((nothing, thrown) -> end(thrown));
    answer.consume();
  }

  private synchronized void end(@Nullable Throwable thrown) {
    ended = true;
    failure = thrown;
    notifyAll();
  }

  @Override
  public synchronized void consume(List<ByteBuffer> received, AsyncBody answer) {
    heardNanos = System.nanoTime();
    buffers.addAll(received);
    notifyAll();
  }

  /** Returns when the last byte came, by {@link System#nanoTime}. May be called from any thread. */
  long heardNanos() {
    return heardNanos;
  }

  @Override
  public int read() throws IOException {
    var one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public synchronized int read(byte[] into, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    var next = await();
    if (next == null) {
      return -1;
    }
    int n = Math.min(length, next.remaining());
    next.get(into, offset, n);
    if (!next.hasRemaining()) {
      buffers.remove();
      if (buffers.isEmpty() && source != null) {
        source.consume();
      }
    }
    return n;
  }

  /** Returns the buffer to read from, null at the end. */
  private synchronized @Nullable ByteBuffer await() throws IOException {
    while (true) {
      var next = buffers.peek();
      if (next != null && next.hasRemaining()) {
        return next;
      }
      if (next != null) {
        buffers.remove();
      } else if (failure != null) {
        throw new IOException(Exchange.describe(failure), failure);
      } else if (ended) {
        return null;
      } else {
        waitForMore();
      }
    }
  }

  @SuppressWarnings("WaitNotInLoop") // Whoever calls it does so in one.
  private synchronized void waitForMore() throws InterruptedIOException {
    try {
      wait();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while reading what the API server answers");
    }
  }
}
