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
    return new WakeUp(SyscallException.check("eventfd", LibC.INSTANCE.eventfd(0, EFD_CLOEXEC)));
  }

  /**
   * Waits until {@code waited} can be read or is broken; returns false if {@link #wake} was called. For one thread.
   */
  boolean await(int waited) throws SyscallException {
    return await(waited, -1);
  }

  /** Does what {@link #await(int)} does, but also returns true after {@code limitMillis}; a negative limit is none. */
  boolean await(int waited, int limitMillis) throws SyscallException {
    fds.putInt(0, waited).putShort(4, POLLIN);
    while (LibC.INSTANCE.poll(fdsAddress, 2, limitMillis) < 0) {
      int errno = LibC.errno();
      if (errno != Errno.EINTR) {
        throw new SyscallException("poll", errno);
      }
    }
    return fds.getShort(POLLFD_BYTES + REVENTS_OFFSET) == 0;
  }

  /** Ends the wait and every later one. For any thread, until this is closed. */
  void wake() throws SyscallException {
    var one =
        ByteBuffer.allocateDirect(Long.BYTES).order(ByteOrder.nativeOrder()).putLong(0, 1);
    if (LibC.INSTANCE.write(fd, one, Long.BYTES) < 0) {
      throw new SyscallException("write(eventfd)", LibC.errno());
    }
  }

  /** Frees the descriptor; once only, and not while a thread waits: the number may be in new use at once. */
  @Override
  public void close() throws SyscallException {
    SyscallException.check("close(eventfd)", LibC.INSTANCE.close(fd));
  }
}
