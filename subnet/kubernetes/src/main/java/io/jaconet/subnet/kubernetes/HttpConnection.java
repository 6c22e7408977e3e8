package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.google.common.collect.ImmutableMap;
import com.google.common.io.ByteStreams;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP/1.1 connection to an API server for one request after another; it is made anew when the server has ended it. The JDK's own client
 * does not do here: before Java 21 it cannot be closed, so its thread and its connections outlive whoever used it.
 *
 * <p>What is read may take any time. Whoever waits no longer closes the connection from another thread; everything else is confined to one.
 */
final class HttpConnection implements AutoCloseable {
  private static final int CONNECT_MILLIS = 3_000;
  private static final int HANDSHAKE_MILLIS = 3_000;
  private static final int MAX_HEAD_BYTES = 1 << 16;
  private static final int BUFFER_BYTES = 1 << 16;

  private final ApiAccess.Source source;
  private final Consumer<HttpConnection> ended;
  private @Nullable Socket transport;
  private @Nullable Socket socket;
  private @Nullable InputStream in;
  private @Nullable InputStream body;
  private boolean reusable;
  private boolean closed;
  private volatile long heardNanos = System.nanoTime();

  /** Creates a connection that is opened by the first request; {@code ended} is told when it is closed. */
  HttpConnection(ApiAccess.Source source, Consumer<HttpConnection> ended) {
    this.source = source;
    this.ended = ended;
  }

  /** An answer; its body is read before the next request, or the connection is closed. */
  record Response(int status, ImmutableMap<String, String> headers, InputStream body) {}

  /**
   * Sends a request and returns as soon as the answer begins.
   *
   * @param target the path and the query, below the server's own path
   * @param content the body and its type, empty for none
   */
  Response send(String method, String target, Map<String, byte[]> content) throws IOException {
    var access = source.current();
    var head = new StringBuilder(512);
    head.append(method).append(' ').append(access.path()).append(target).append(" HTTP/1.1\r\n");
    head.append("Host: ").append(access.authority()).append("\r\n");
    head.append("Accept: application/json\r\nUser-Agent: jaconet\r\n");
    if (access.token() != null) {
      head.append("Authorization: Bearer ").append(access.token()).append("\r\n");
    }
    var message = new ByteArrayOutputStream();
    var payload = new ByteArrayOutputStream();
    content.forEach((type, bytes) -> {
      head.append("Content-Type: ").append(type).append("\r\nContent-Length: ");
      head.append(bytes.length).append("\r\n");
      payload.writeBytes(bytes);
    });
    message.writeBytes(head.append("\r\n").toString().getBytes(ISO_8859_1));
    message.writeBytes(payload.toByteArray());

    if (reusable && body != null) {
      ByteStreams.exhaust(body);
    }
    var connected = reusable && socket != null ? socket : open(access);
    reusable = false;
    connected.getOutputStream().write(message.toByteArray());
    return receive();
  }

  private Socket open(ApiAccess access) throws IOException {
    var host = access.host();
    IOException unreachable = new IOException(host + " has no address");
    for (var address : InetAddress.getAllByName(host)) {
      try {
        return open(access, new InetSocketAddress(address, access.port()));
      } catch (IOException e) {
        checkNotClosed();
        unreachable = e;
      }
    }
    throw new IOException(
        "cannot reach " + access.authority() + ": " + describe(unreachable), unreachable);
  }

  private static String describe(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  private Socket open(ApiAccess access, InetSocketAddress address) throws IOException {
    var plain = new Socket();
    replaceTransport(plain);
    plain.setTcpNoDelay(true);
    plain.connect(address, CONNECT_MILLIS);
    Socket opened = plain;
    if (access.tls() != null) {
      var secure = (SSLSocket)
          access.tls().getSocketFactory().createSocket(plain, access.host(), access.port(), true);
      var parameters = secure.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      secure.setSSLParameters(parameters);
      plain.setSoTimeout(HANDSHAKE_MILLIS);
      secure.startHandshake();
      plain.setSoTimeout(0);
      opened = secure;
    }
    in = new BufferedInputStream(new Heard(opened.getInputStream()), BUFFER_BYTES);
    socket = opened;
    return opened;
  }

  private void replaceTransport(Socket next) throws IOException {
    Socket previous;
    synchronized (this) {
      previous = transport;
      transport = next;
    }
    if (previous != null) {
      previous.close();
    }
    checkNotClosed();
  }

  private synchronized void checkNotClosed() throws IOException {
    if (closed) {
      throw new SocketException("the connection was closed");
    }
  }

  private Response receive() throws IOException {
    var opened = in;
    if (opened == null) {
      throw new SocketException("not connected");
    }
    int status;
    ImmutableMap<String, String> headers;
    do {
      var lines = head(opened);
      status = status(lines.get(0));
      headers = headers(lines.subList(1, lines.size()));
    } while (status < 200);
    var received = body(opened, status, headers);
    body = received;
    reusable = !"close".equalsIgnoreCase(headers.get("connection")) && isDelimited(status, headers);
    return new Response(status, headers, received);
  }

  private static List<String> head(InputStream in) throws IOException {
    var bytes = new ByteArrayOutputStream();
    int lineLength = 0;
    while (true) {
      int b = in.read();
      if (b < 0) {
        throw new EOFException("the server ended the connection without an answer");
      }
      if (b == '\n') {
        if (lineLength == 0 && bytes.size() > 0) {
          return List.of(bytes.toString(ISO_8859_1).split("\n"));
        }
        lineLength = 0;
      } else if (b != '\r') {
        lineLength++;
      }
      if (b != '\r') {
        bytes.write(b);
      }
      if (bytes.size() > MAX_HEAD_BYTES) {
        throw new IOException("the head of the answer exceeds " + MAX_HEAD_BYTES + " bytes");
      }
    }
  }

  private static int status(String line) throws IOException {
    var words = line.split(" ", 3);
    if (words.length < 2 || !words[0].startsWith("HTTP/1.") || !words[1].matches("[1-5][0-9]{2}")) {
      throw new IOException("the answer is not HTTP/1.1; is this the address of an API server?");
    }
    return Integer.parseInt(words[1]);
  }

  private static ImmutableMap<String, String> headers(List<String> lines) {
    var headers = ImmutableMap.<String, String>builder();
    for (var line : lines) {
      int colon = line.indexOf(':');
      if (colon > 0) {
        headers.put(
            line.substring(0, colon).toLowerCase(Locale.ROOT),
            line.substring(colon + 1).trim());
      }
    }
    return headers.buildKeepingLast();
  }

  private static boolean isDelimited(int status, ImmutableMap<String, String> headers) {
    return status == 204
        || headers.containsKey("content-length")
        || headers.containsKey("transfer-encoding");
  }

  private static InputStream body(InputStream in, int status, ImmutableMap<String, String> headers)
      throws IOException {
    if ("chunked".equalsIgnoreCase(headers.get("transfer-encoding"))) {
      return new HttpBody(in, true, 0);
    }
    var length = headers.get("content-length");
    if (length == null) {
      return status == 204 ? InputStream.nullInputStream() : in;
    }
    if (!length.matches("[0-9]{1,18}")) {
      throw new IOException("the answer has no length that can be read");
    }
    return new HttpBody(in, false, Long.parseLong(length));
  }

  /** Returns when the last byte came, by {@link System#nanoTime}. May be called from any thread. */
  long heardNanos() {
    return heardNanos;
  }

  /** Begins to count silence anew, because the server has shown otherwise that it lives. May be called from any thread. */
  void heard() {
    heardNanos = System.nanoTime();
  }

  /** Ends the connection for good, and whatever waits for it with an exception. Idempotent; may be called from any thread. */
  @Override
  public void close() {
    Socket open;
    synchronized (this) {
      closed = true;
      open = transport;
    }
    ended.accept(this);
    if (open != null) {
      try {
        // Not the TLS socket: its farewell would wait for a peer that may be gone.
        open.close();
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
      int n = super.read(buffer, offset, length);
      heardNanos = System.nanoTime();
      return n;
    }
  }
}
