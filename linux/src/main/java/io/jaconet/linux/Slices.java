package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkPositionIndexes;
import static com.google.common.base.Preconditions.checkState;

import java.nio.ByteBuffer;

/** A list of pieces of one {@link OffHeap} that are written one after the other, as if they were joined. Not thread-safe. */
public final class Slices {
  static final int IOVEC_BYTES = 16;

  private final OffHeap memory;
  private final OffHeap iovecs;
  private final int capacity;
  private int count;
  private int bytes;

  /** Creates an empty list of up to {@code capacity} pieces of {@code memory}. */
  public Slices(OffHeap memory, int capacity) {
    checkArgument(capacity > 0, "a list of %s slices", capacity);
    this.memory = memory;
    this.capacity = capacity;
    iovecs = new OffHeap(capacity * IOVEC_BYTES);
  }

  /** Removes all. */
  public void clear() {
    count = 0;
    bytes = 0;
  }

  /**
   * Appends {@code length} bytes from {@code offset} on.
   *
   * @throws IllegalStateException if it is full
   */
  public void add(int offset, int length) {
    checkState(count < capacity, "no room for more than %s slices", capacity);
    checkPositionIndexes(offset, offset + length, memory.capacity());
    putIovec(iovecs.buffer(), count * IOVEC_BYTES, memory.address(offset), length);
    count++;
    bytes += length;
  }

  static void putIovec(ByteBuffer iovecs, int at, long address, int length) {
    iovecs.putLong(at, address).putLong(at + 8, length);
  }

  /** Returns the number of pieces. */
  public int count() {
    return count;
  }

  /** Returns whether no piece can be added. */
  public boolean isFull() {
    return count == capacity;
  }

  /** Returns the length of all pieces together. */
  public int bytes() {
    return bytes;
  }

  /** Appends the bytes of all pieces to {@code target}. */
  public void copyTo(ByteBuffer target) {
    for (int i = 0; i < count; i++) {
      int offset = (int) (iovecs.buffer().getLong(i * IOVEC_BYTES) - memory.address(0));
      int length = (int) iovecs.buffer().getLong(i * IOVEC_BYTES + 8);
      target.put(target.position(), memory.buffer(), offset, length);
      target.position(target.position() + length);
    }
  }

  long iovecs() {
    return iovecs.address(0);
  }

  /** Takes {@code skipped} bytes off the front of the first piece. */
  void trimFirst(int skipped) {
    ByteBuffer first = iovecs.buffer();
    putIovec(first, 0, first.getLong(0) + skipped, (int) first.getLong(8) - skipped);
    bytes -= skipped;
  }
}
