package io.jaconet.benchmarks;

import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.testkit.Station;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.DatagramChannel;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** New UDP flows at a constant rate, and as whom the first packet of each is seen. */
final class NewFlows implements AutoCloseable {
  private static final int PORT = 7070;

  private final DatagramChannel receiver;
  private final InetSocketAddress target;
  private final IpPrefix overlay;
  private final long gapNanos;
  private final AtomicInteger sent = new AtomicInteger();
  private final AtomicInteger received = new AtomicInteger();
  private final AtomicInteger unmasqueraded = new AtomicInteger();
  private volatile boolean ended;

  private NewFlows(
      DatagramChannel receiver, InetSocketAddress target, IpPrefix overlay, int perSecond) {
    this.receiver = receiver;
    this.target = target;
    this.overlay = overlay;
    this.gapNanos = 1_000_000_000L / perSecond;
  }

  /** Sends the first packets of {@code perSecond} flows a second until this is closed; a source in {@code overlay} was not masqueraded. */
  static NewFlows start(Station from, Station to, IpPrefix overlay, int perSecond)
      throws IOException {
    var target = new InetSocketAddress(inet(to.address(IpFamily.V4)), PORT);
    var receiver = to.namespace().call(() -> DatagramChannel.open().bind(target));
    var flows = new NewFlows(receiver, target, overlay, perSecond);
    start("bench-flows-in", flows::receive);
    start("bench-flows-out", () -> flows.send(from.namespace()));
    return flows;
  }

  private static InetAddress inet(IpAddress address) throws IOException {
    return InetAddress.getByAddress(address.toBytes());
  }

  private interface Work {
    void run() throws IOException;
  }

  private static void start(String name, Work work) {
    var thread = new Thread(
        () -> {
          try {
            work.run();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        },
        name);
    thread.setDaemon(true);
    thread.start();
  }

  /** All in one visit: each flow is a socket, which belongs to the namespace of the thread that opens it. */
  private void send(NetworkNamespace from) throws IOException {
    from.<IOException>run(() -> {
      long next = System.nanoTime();
      while (!ended) {
        try (var flow = DatagramChannel.open()) {
          flow.send(ByteBuffer.allocate(1), target);
          sent.incrementAndGet();
        }
        next += gapNanos;
        LockSupport.parkNanos(next - System.nanoTime());
      }
    });
  }

  private void receive() throws IOException {
    var packet = ByteBuffer.allocate(16);
    while (true) {
      try {
        var source = (InetSocketAddress) receiver.receive(packet.clear());
        received.incrementAndGet();
        if (overlay.contains(IpAddress.fromBytes(source.getAddress().getAddress()))) {
          unmasqueraded.incrementAndGet();
        }
      } catch (AsynchronousCloseException e) {
        return;
      }
    }
  }

  int sent() {
    return sent.get();
  }

  int received() {
    return received.get();
  }

  /** Returns how many flows were seen with an address of the overlay. */
  int unmasqueraded() {
    return unmasqueraded.get();
  }

  @Override
  public void close() throws IOException {
    ended = true;
    receiver.close();
  }
}
