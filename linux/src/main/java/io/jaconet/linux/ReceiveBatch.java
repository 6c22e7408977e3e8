package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.nio.ByteBuffer;

/**
 * Datagrams that were received together. A message is one datagram, or several of one sender and of equal size (the last may be shorter)
 * that the kernel joined. Not thread-safe; allocates nothing after its construction.
 */
public final class ReceiveBatch {
  /** Room for whatever one message may be. */
  public static final int SLOT_BYTES = 65_536;

  private final OffHeap memory;
  private final int base;
  private final int capacity;
  private final OffHeap iovecs;
  private final MessageHeaders headers;
  private int count;
  private int used;

  /** Creates an empty batch of up to {@code messages}, which take {@link #SLOT_BYTES} of {@code memory} each from {@code base} on. */
  public ReceiveBatch(OffHeap memory, int base, int messages) {
    this.memory = memory;
    this.base = base;
    this.capacity = messages;
    iovecs = new OffHeap(messages * Slices.IOVEC_BYTES);
    headers = new MessageHeaders(messages);
    used = messages;
    for (int i = 0; i < messages; i++) {
      Slices.putIovec(
          iovecs.buffer(), i * Slices.IOVEC_BYTES, memory.address(offset(i)), SLOT_BYTES);
    }
  }

  /** Returns the number of messages received. */
  public int count() {
    return count;
  }

  /** Returns where a message begins. */
  public int offset(int message) {
    return base + message * SLOT_BYTES;
  }

  /** Returns the length of a message. */
  public int bytes(int message) {
    return headers.length(message);
  }

  /** Returns the length of each datagram of a message but the last. */
  public int segmentBytes(int message) {
    int segment = headers.receivedSegment(message);
    return segment <= 0 ? Math.max(1, bytes(message)) : segment;
  }

  /** Returns whether the end of a message is missing. */
  public boolean truncated(int message) {
    return headers.truncated(message);
  }

  /** Returns the sender's {@link IpAddress#highBits}. */
  public long sourceHigh(int message) {
    return headers.high(message);
  }

  /** Returns the sender's {@link IpAddress#lowBits}. */
  public long sourceLow(int message) {
    return headers.low(message);
  }

  /** Returns the family of the sender's address. */
  public IpFamily sourceFamily(int message) {
    return headers.isV6(message) ? IpFamily.V6 : IpFamily.V4;
  }

  /** Removes all messages. */
  public void clear() {
    count = 0;
  }

  /** Returns whether no message can be added. */
  public boolean isFull() {
    return count == capacity;
  }

  /**
   * Adds the remaining bytes of {@code payload} as a message of datagrams of {@code segmentBytes} each, as if it had been received
   * from {@code source}: for transports that are not sockets.
   */
  public void add(IpAddress source, ByteBuffer payload, int segmentBytes) {
    int length = payload.remaining();
    memory.buffer().put(offset(count), payload, payload.position(), length);
    headers.setDestination(
        count, source.family() == IpFamily.V6, source.highBits(), source.lowBits(), 0);
    headers.setReceived(count, length, segmentBytes < length ? segmentBytes : 0);
    count++;
    used = Math.max(used, count);
  }

  int capacity() {
    return capacity;
  }

  /** Prepares for the kernel those headers that were used since the last time, and returns the address of the first. */
  long prepare() {
    for (int i = 0; i < used; i++) {
      headers.setReceiving(i, iovecs.address(i * Slices.IOVEC_BYTES));
    }
    used = 0;
    return headers.headerAddress(0);
  }

  void received(int messages) {
    count = messages;
    used = messages;
  }
}
