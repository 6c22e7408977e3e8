package io.jaconet.subnet.kubernetes;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The lines of a watch, one event each. Confined to one thread, but for the question whether it is stuck. */
final class WatchLines {
  /** An API server keeps no object that is larger than a few megabytes. */
  private static final int MAX_LINE_BYTES = 1 << 24;

  private final InputStream in;
  private byte[] buffer = new byte[1 << 14];
  private int start;
  private int end;
  private volatile long begunNanos;
  private volatile boolean inLine;

  WatchLines(InputStream in) {
    this.in = in;
  }

  /** Returns the next line without its end, null if the server has ended the watch between two lines. */
  byte @Nullable [] next() throws IOException {
    int scanned = start;
    while (true) {
      for (; scanned < end; scanned++) {
        if (buffer[scanned] == '\n') {
          var line = Arrays.copyOfRange(buffer, start, scanned);
          start = scanned + 1;
          inLine = false;
          return line;
        }
      }
      scanned -= makeRoom();
      if (end > 0 && !inLine) {
        begunNanos = System.nanoTime();
        inLine = true;
      }
      int n = in.read(buffer, end, buffer.length - end);
      if (n < 0) {
        if (end > 0) {
          throw new EOFException("the watch was cut in the middle of an event");
        }
        return null;
      }
      end += n;
    }
  }

  /** Moves what has been read of a line to the beginning of the buffer, and returns how far. */
  private int makeRoom() throws IOException {
    int moved = start;
    System.arraycopy(buffer, start, buffer, 0, end - start);
    end -= start;
    start = 0;
    if (end == buffer.length) {
      if (end >= MAX_LINE_BYTES) {
        throw new IOException("an event of the watch exceeds " + MAX_LINE_BYTES + " bytes");
      }
      buffer = Arrays.copyOf(buffer, 2 * buffer.length);
    }
    return moved;
  }

  /** Returns whether a line that has begun is still not there after {@code limitNanos}. May be called from any thread. */
  boolean isStuck(long nowNanos, long limitNanos) {
    return inLine && nowNanos - begunNanos > limitNanos;
  }
}
