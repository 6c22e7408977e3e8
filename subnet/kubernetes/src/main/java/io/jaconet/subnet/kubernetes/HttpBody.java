package io.jaconet.subnet.kubernetes;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/** The body of an answer, of a known length or in chunks (RFC 9112, section 7.1). A connection that ends before it does is an error. */
final class HttpBody extends InputStream {
  private static final int MAX_LINE_CHARS = 4_096;
  private static final int MAX_SIZE_DIGITS = 8;

  private final InputStream in;
  private final boolean chunked;
  private long left;
  private boolean first = true;
  private boolean ended;

  /** Creates a body of {@code length} bytes, or one in chunks, whose length is not known. */
  HttpBody(InputStream in, boolean chunked, long length) {
    this.in = in;
    this.chunked = chunked;
    this.left = length;
  }

  @Override
  public int read() throws IOException {
    var one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] buffer, int offset, int length) throws IOException {
    if (left == 0 && chunked && !ended) {
      beginChunk();
    }
    if (left == 0) {
      return -1;
    }
    int n = in.read(buffer, offset, (int) Math.min(left, length));
    if (n < 0) {
      throw new EOFException("the connection was cut in the middle of an answer");
    }
    left -= n;
    return n;
  }

  private void beginChunk() throws IOException {
    if (!first && !line().isEmpty()) {
      throw new IOException("a chunk of the answer does not end where it said");
    }
    first = false;
    var size = line();
    int end = size.indexOf(';');
    var digits = (end < 0 ? size : size.substring(0, end)).trim();
    if (digits.isEmpty() || digits.length() > MAX_SIZE_DIGITS) {
      throw new IOException("a chunk of the answer has no size that can be read");
    }
    try {
      left = Long.parseLong(digits, 16);
    } catch (NumberFormatException e) {
      throw new IOException("a chunk of the answer has no size that can be read", e);
    }
    if (left < 0) {
      throw new IOException("a chunk of the answer has a negative size");
    }
    if (left == 0) {
      ended = true;
      while (!line().isEmpty()) {
        // Trailers, which nobody asked for.
      }
    }
  }

  private String line() throws IOException {
    var line = new StringBuilder();
    for (int b = in.read(); b != '\n'; b = in.read()) {
      if (b < 0) {
        throw new EOFException("the connection was cut in the middle of an answer");
      }
      if (b != '\r') {
        line.append((char) b);
      }
      if (line.length() > MAX_LINE_CHARS) {
        throw new IOException("a line of the answer is too long");
      }
    }
    return line.toString();
  }
}
