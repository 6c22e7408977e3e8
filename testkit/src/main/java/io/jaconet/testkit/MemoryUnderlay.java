package io.jaconet.testkit;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.jaconet.linux.DatagramTransport;
import io.jaconet.linux.ReceiveBatch;
import io.jaconet.linux.SendBatch;
import io.jaconet.net.IpAddress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Carries datagrams between hosts in memory, in order and without loss. Thread-safe. */
public final class MemoryUnderlay {
  private static final int UDP_BYTES = 8;

  private final Map<IpAddress, Transport> transports = new ConcurrentHashMap<>();
  private final Map<IpAddress, Integer> pathMtus = new ConcurrentHashMap<>();

  /** Creates one without hosts. */
  public MemoryUnderlay() {}

  /** Lets packets of at most {@code mtu} bytes, outer headers included, to {@code address}; larger ones go in fragments. */
  public void setPathMtu(IpAddress address, int mtu) {
    pathMtus.put(address, mtu);
  }

  /** Returns a new transport at {@code address}; what is sent there reaches it. */
  public Transport attach(IpAddress address) {
    var transport = new Transport(address);
    transports.put(address, transport);
    return transport;
  }

  /**
   * Datagrams of equal size, but for the last, that travel as one.
   *
   * @param source who sent them
   * @param destination where they go
   * @param payload all of them, one after the other
   * @param segmentBytes the size of each but the last
   */
  @SuppressWarnings("ArrayRecordComponent") // Nobody compares them.
  public record Message(IpAddress source, IpAddress destination, byte[] payload, int segmentBytes) {

    /** Returns the datagrams. */
    public ImmutableList<byte[]> datagrams() {
      var datagrams = ImmutableList.<byte[]>builder();
      for (int at = 0; at < payload.length; at += segmentBytes) {
        byte[] datagram = new byte[Math.min(segmentBytes, payload.length - at)];
        System.arraycopy(payload, at, datagram, 0, datagram.length);
        datagrams.add(datagram);
      }
      return datagrams.build();
    }
  }

  /** One host's transport. */
  public final class Transport implements DatagramTransport {
    private final IpAddress address;

    @GuardedBy("this")
    private final Deque<Message> incoming = new ArrayDeque<>();

    @GuardedBy("this")
    private final List<Message> sent = new ArrayList<>();

    @GuardedBy("this")
    private boolean shutDown;

    private Transport(IpAddress address) {
      this.address = address;
    }

    /** Returns what was sent since the last call, also to hosts that do not exist. */
    public synchronized ImmutableList<Message> takeSent() {
      var all = ImmutableList.copyOf(sent);
      sent.clear();
      return all;
    }

    /** Lets this host receive {@code payload} as datagrams of {@code segmentBytes} from {@code source}. */
    public synchronized void deliver(IpAddress source, byte[] payload, int segmentBytes) {
      incoming.add(new Message(source, address, payload, segmentBytes));
      notifyAll();
    }

    /** Counts a message as refused if nobody is at its destination. */
    @Override
    public int send(SendBatch batch) {
      int refused = 0;
      for (int i = 0; i < batch.count(); i++) {
        var payload = ByteBuffer.allocate(batch.bytes(i));
        batch.copyTo(i, payload);
        var message = new Message(
            address, batch.destination(i), payload.array(), Math.max(1, batch.segmentBytes(i)));
        synchronized (this) {
          sent.add(message);
        }
        int mtu = pathMtus.getOrDefault(message.destination(), Integer.MAX_VALUE);
        int headers = message.destination().family().headerBytes() + UDP_BYTES;
        if (headers + message.segmentBytes() > mtu) {
          batch.setPathMtu(i, mtu);
        }
        var there = transports.get(message.destination());
        if (there == null) {
          refused += batch.segments(i);
        } else {
          there.deliver(address, message.payload(), message.segmentBytes());
        }
      }
      return refused;
    }

    @Override
    public synchronized boolean receive(ReceiveBatch batch) throws IOException {
      batch.clear();
      try {
        while (incoming.isEmpty() && !shutDown) {
          wait();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while waiting for datagrams", e);
      }
      while (!incoming.isEmpty() && !batch.isFull()) {
        var message = incoming.remove();
        batch.add(message.source(), ByteBuffer.wrap(message.payload()), message.segmentBytes());
      }
      return !shutDown;
    }

    @Override
    public synchronized void shutdown() {
      shutDown = true;
      notifyAll();
    }

    @Override
    public void close() {
      shutdown();
    }
  }
}
