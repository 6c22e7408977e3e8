package io.jaconet.testkit;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.Slices;
import io.jaconet.linux.TunOffloads;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** The host's side of a data path, in memory: a test gives packets and looks at those that were written. Thread-safe. */
public final class MemoryPacketPort implements PacketPort {
  private final TunOffloads offloads;

  @GuardedBy("this")
  private final Deque<byte[]> given = new ArrayDeque<>();

  @GuardedBy("this")
  private final List<byte[]> written = new ArrayList<>();

  @GuardedBy("this")
  private boolean shutDown;

  @GuardedBy("this")
  private boolean refusing;

  @GuardedBy("this")
  private boolean lost;

  /** Creates a port that takes and gives what {@code offloads} says. */
  public MemoryPacketPort(TunOffloads offloads) {
    this.offloads = offloads;
  }

  /** Lets the data path read a complete packet. */
  public void give(byte[] packet) {
    give(new byte[HEADER_BYTES], packet);
  }

  /** Lets the data path read a packet with a virtio-net header of the test's own. */
  public synchronized void give(byte[] header, byte[] packet) {
    given.add(ByteBuffer.allocate(header.length + packet.length)
        .put(header)
        .put(packet)
        .array());
    notifyAll();
  }

  /** Returns whether the data path has read all that was given. */
  public synchronized boolean isEmpty() {
    return given.isEmpty();
  }

  /** Returns what was written since the last call, each with its virtio-net header. */
  public synchronized ImmutableList<byte[]> takeWritten() {
    var all = ImmutableList.copyOf(written);
    written.clear();
    return all;
  }

  /** Makes the port take no packets, or take them again. */
  public synchronized void refuse(boolean refuse) {
    refusing = refuse;
  }

  /** Makes every call fail from now on, as a TUN device does that somebody removed. */
  public synchronized void lose() {
    lost = true;
    notifyAll();
  }

  @Override
  public TunOffloads offloads() {
    return offloads;
  }

  @Override
  public synchronized int read(OffHeap memory, int offset, int capacity) throws IOException {
    failIfLost();
    byte[] next = given.poll();
    if (next == null) {
      return 0;
    }
    int length = Math.min(next.length, capacity);
    memory.buffer().put(offset, next, 0, length);
    return length;
  }

  private synchronized void failIfLost() throws IOException {
    if (lost) {
      throw new IOException("the port is lost");
    }
  }

  @Override
  public synchronized boolean await() throws IOException {
    try {
      while (given.isEmpty() && !shutDown && !lost) {
        wait();
      }
      return !shutDown;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for packets", e);
    }
  }

  @Override
  public synchronized boolean write(Slices packet) throws IOException {
    failIfLost();
    if (refusing) {
      return false;
    }
    var bytes = ByteBuffer.allocate(packet.bytes());
    packet.copyTo(bytes);
    written.add(bytes.array());
    return true;
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
