package io.jaconet.udp;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.Slices;
import io.jaconet.linux.TunOffloads;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Objects;
import java.util.Queue;

/**
 * The port of an application that makes and takes IP packets itself, so that it needs neither a device nor any privilege. Thread-safe.
 *
 * <p>Packets are complete, with all checksums. Those that were pushed wait in a queue of limited length.
 */
public final class ApplicationPort implements PacketPort {
  private static final int MAX_PACKET_BYTES = 65_535;
  private static final TunOffloads NONE = new TunOffloads(false, false, false);

  private final Receiver receiver;
  private final int queueLength;

  @GuardedBy("this")
  private final Queue<ByteBuffer> pushed = new ArrayDeque<>();

  @GuardedBy("this")
  private boolean shutDown;

  /** Takes the packets that peers sent. */
  @FunctionalInterface
  public interface Receiver {
    /**
     * Takes one packet, the remaining bytes of a buffer that nobody else has. Called on the threads of the data path, possibly on two at a
     * time; what it throws stops the data path.
     */
    void receive(ByteBuffer packet);
  }

  /**
   * Creates a port.
   *
   * @param queueLength how many packets may wait to be sent, for example 1000
   */
  public ApplicationPort(int queueLength, Receiver receiver) {
    checkArgument(queueLength > 0, "a queue of %s packets", queueLength);
    this.queueLength = queueLength;
    this.receiver = Objects.requireNonNull(receiver);
  }

  /**
   * Sends the remaining bytes of {@code packet}, which are copied.
   *
   * @return false if the packet is lost because the queue is full or the data path has ended
   * @throws IllegalArgumentException if it is longer than an IP packet can be
   */
  public boolean push(ByteBuffer packet) {
    checkArgument(
        packet.remaining() <= MAX_PACKET_BYTES,
        "a packet of %s bytes; 65535 are the most",
        packet.remaining());
    var copy = ByteBuffer.allocate(packet.remaining()).put(packet.duplicate()).flip();
    synchronized (this) {
      if (shutDown || pushed.size() == queueLength) {
        return false;
      }
      pushed.add(copy);
      notifyAll();
      return true;
    }
  }

  @Override
  public TunOffloads offloads() {
    return NONE;
  }

  @Override
  public synchronized int read(OffHeap memory, int offset, int capacity) {
    var next = pushed.poll();
    if (next == null) {
      return 0;
    }
    int length = Math.min(next.remaining(), capacity - HEADER_BYTES);
    memory.buffer().putLong(offset, 0).putShort(offset + Long.BYTES, (short) 0);
    memory.buffer().put(offset + HEADER_BYTES, next, 0, length);
    return HEADER_BYTES + length;
  }

  @Override
  public synchronized boolean await() throws InterruptedIOException {
    try {
      while (pushed.isEmpty() && !shutDown) {
        wait();
      }
      return !shutDown;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for packets");
    }
  }

  @Override
  public boolean write(Slices packet) {
    var bytes = ByteBuffer.allocate(packet.bytes());
    packet.copyTo(bytes);
    receiver.receive(bytes.flip().position(HEADER_BYTES).slice());
    return true;
  }

  @Override
  public synchronized void shutdown() {
    shutDown = true;
    pushed.clear();
    notifyAll();
  }

  @Override
  public void close() {
    shutdown();
  }
}
