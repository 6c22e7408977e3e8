package io.jaconet.subnet.etcd;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;

/** What is between a host and a member of etcd: carries bytes, until it is told to hold them back or to refuse everybody. */
final class Relay implements AutoCloseable {
  private static final int BUFFER = 1 << 14;

  private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
  private final int target;
  private final Executor threads;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final Object changes = new Object();
  private Mode mode = Mode.CARRIES;

  /** What it does. */
  enum Mode {
    CARRIES,
    /** Nothing gets through; what is under way arrives when it carries again. */
    HOLDS,
    /** All connections are reset. */
    REFUSES
  }

  /** Starts one to the port {@code target} of this machine, each direction of a connection on one of {@code threads}. */
  Relay(int target, Executor threads) throws IOException {
    this.target = target;
    this.threads = threads;
    threads.execute(this::accept);
  }

  String endpoint() {
    return "http://127.0.0.1:" + listener.getLocalPort();
  }

  void become(Mode next) {
    synchronized (changes) {
      mode = next;
      changes.notifyAll();
    }
    if (next == Mode.REFUSES) {
      closeAll();
    }
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        var client = listener.accept();
        open.add(client);
        synchronized (changes) {
          if (mode == Mode.REFUSES) {
            drop(client);
            continue;
          }
        }
        var member = new Socket(InetAddress.getLoopbackAddress(), target);
        open.add(member);
        threads.execute(() -> carry(client, member));
        threads.execute(() -> carry(member, client));
      } catch (IOException memberIsDown) {
        closeAll();
      }
    }
  }

  private void carry(Socket from, Socket to) {
    byte[] bytes = new byte[BUFFER];
    try (from;
        to) {
      for (int n = from.getInputStream().read(bytes);
          n >= 0;
          n = from.getInputStream().read(bytes)) {
        awaitCarrying();
        to.getOutputStream().write(bytes, 0, n);
      }
    } catch (IOException | InterruptedException reset) {
      // The other direction ends with it.
    } finally {
      drop(from);
      drop(to);
    }
  }

  private void awaitCarrying() throws InterruptedException {
    synchronized (changes) {
      while (mode == Mode.HOLDS) {
        changes.wait();
      }
    }
  }

  private void drop(Socket socket) {
    open.remove(socket);
    try {
      socket.close();
    } catch (IOException e) {
      // It is closed.
    }
  }

  private void closeAll() {
    open.forEach(this::drop);
  }

  @Override
  public void close() throws IOException {
    listener.close();
    become(Mode.REFUSES);
  }
}
