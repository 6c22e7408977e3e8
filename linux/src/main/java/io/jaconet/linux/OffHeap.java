package io.jaconet.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A block of memory outside the Java heap, which the kernel reads and writes in place. Freed when nothing refers to it. */
public final class OffHeap {
  private final ByteBuffer buffer;
  private final long address;

  /** Allocates {@code bytes} zero bytes. */
  public OffHeap(int bytes) {
    buffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    address = LibC.address(buffer);
  }

  /** Returns the bytes, in native order; callers use offsets and leave position and limit alone. */
  public ByteBuffer buffer() {
    return buffer;
  }

  /** Returns the size in bytes. */
  public int capacity() {
    return buffer.capacity();
  }

  /** Returns the address of the byte at {@code offset}. */
  long address(int offset) {
    return address + offset;
  }
}
