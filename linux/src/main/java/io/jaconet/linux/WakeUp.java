package io.jaconet.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Ends another thread's wait for a file descriptor, once and for all: an eventfd that is polled beside it. */
final class WakeUp implements AutoCloseable {
  private static final int EFD_CLOEXEC = 0x80000;
  private static final short POLLIN = 1;
  private static final int POLLFD_BYTES = 8;
  private static final int REVENTS_OFFSET = 6;

  private final int fd;
  private final ByteBuffer fds =
      ByteBuffer.allocateDirect(2 * POLLFD_BYTES).order(ByteOrder.nativeOrder());
  private final long fdsAddress = LibC.address(fds);

  private WakeUp(int fd) {
    this.fd = fd;
    fds.putInt(POLLFD_BYTES, fd).putShort(POLLFD_BYTES + 4, POLLIN);
  }

  static WakeUp open() throws SyscallException {
    return new WakeUp(SyscallException.check("eventfd", LibC.eventfd(0, EFD_CLOEXEC)));
  }

  /**
   * Waits until {@code waited} can be read or is broken; returns false if {@link #wake} was called. For one thread.
   */
  boolean await(int waited) throws SyscallException {
    return awaitBusily(waited, 0);
  }

  /** Does what {@link #await(int)} does, but also returns true after {@code limitMillis}; a negative limit is none. */
  boolean await(int waited, int limitMillis) throws SyscallException {
    fds.putInt(0, waited).putShort(4, POLLIN);
    poll(limitMillis);
    return fds.getShort(POLLFD_BYTES + REVENTS_OFFSET) == 0;
  }

  /** Does what {@link #await(int)} does, but asks again and again for {@code spinNanos} before it sleeps. */
  @SuppressWarnings(
      "ThreadPriorityCheck") // Polling without it keeps others from what it waits for.
  boolean awaitBusily(int waited, long spinNanos) throws SyscallException {
    fds.putInt(0, waited).putShort(4, POLLIN);
    boolean ready = false;
    if (spinNanos > 0) {
      long start = System.nanoTime();
      do {
        ready = poll(0) > 0;
        if (!ready) {
          Thread.yield(); // To whoever has what this waits for.
        }
      } while (!ready && System.nanoTime() - start < spinNanos);
    }
    while (!ready) {
      ready = poll(-1) > 0;
    }
    return fds.getShort(POLLFD_BYTES + REVENTS_OFFSET) == 0;
  }

  /** Returns how many are ready, 0 also after a signal. */
  private int poll(int timeoutMillis) throws SyscallException {
    int count = LibC.poll(fdsAddress, 2, timeoutMillis);
    if (count >= 0) {
      return count;
    }
    int errno = LibC.errno();
    if (errno != Errno.EINTR) {
      throw new SyscallException("poll", errno);
    }
    return 0;
  }

  /** Ends the wait and every later one. For any thread, until this is closed. */
  void wake() throws SyscallException {
    var one =
        ByteBuffer.allocateDirect(Long.BYTES).order(ByteOrder.nativeOrder()).putLong(0, 1);
    if (LibC.write(fd, one, Long.BYTES) < 0) {
      throw new SyscallException("write(eventfd)", LibC.errno());
    }
  }

  /** Frees the descriptor; once only, and not while a thread waits: the number may be in new use at once. */
  @Override
  public void close() throws SyscallException {
    SyscallException.check("close(eventfd)", LibC.close(fd));
  }
}
