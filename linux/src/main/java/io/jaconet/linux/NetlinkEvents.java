package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkState;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;

/**
 * What changes in one network namespace: links, addresses, routes, neighbors, forwarding databases and nexthop objects.
 * Listening begins when this is opened, so whoever reads the kernel's tables after that misses nothing.
 *
 * <p>One thread calls {@link #run}; any thread may call {@link #close}.
 */
public final class NetlinkEvents implements AutoCloseable {
  private static final int GROUPS = group(1) // RTNLGRP_LINK
      | group(3) // RTNLGRP_NEIGH
      | group(5) // RTNLGRP_IPV4_IFADDR
      | group(7) // RTNLGRP_IPV4_ROUTE
      | group(9) // RTNLGRP_IPV6_IFADDR
      | group(11) // RTNLGRP_IPV6_ROUTE
      | group(32); // RTNLGRP_NEXTHOP

  /** Enough for the burst of events that one batch causes. */
  private static final int RECEIVE_BUFFER_BYTES = 8 << 20;

  private static final int EFD_CLOEXEC = 0x80000;
  private static final short POLLIN = 1;
  private static final int POLLFD_BYTES = 8;

  private final NetlinkSocket socket;
  private final int wakeFd;
  private final ByteBuffer fds =
      ByteBuffer.allocateDirect(2 * POLLFD_BYTES).order(ByteOrder.nativeOrder());

  @GuardedBy("this")
  private boolean running;

  @GuardedBy("this")
  private boolean closed;

  private NetlinkEvents(NetlinkSocket socket, int wakeFd) {
    this.socket = socket;
    this.wakeFd = wakeFd;
  }

  private static int group(int number) {
    return 1 << (number - 1);
  }

  /** Begins to listen in the network namespace of the calling thread. */
  public static NetlinkEvents open() throws SyscallException {
    var socket = NetlinkSocket.open(GROUPS, RECEIVE_BUFFER_BYTES);
    int wakeFd = LibC.INSTANCE.eventfd(0, EFD_CLOEXEC);
    if (wakeFd < 0) {
      var failure = new SyscallException("eventfd", LibC.errno());
      socket.close();
      throw failure;
    }
    return new NetlinkEvents(socket, wakeFd);
  }

  /**
   * Gives each event to {@code consumer}, on the calling thread, until this is closed. What the kernel had to drop comes as
   * {@link NetlinkEvent.Lost}.
   *
   * @throws IllegalStateException if it runs already
   */
  public void run(Consumer<? super NetlinkEvent> consumer) throws IOException {
    synchronized (this) {
      checkState(!running, "another thread receives these events");
      if (closed) {
        return;
      }
      running = true;
    }
    try {
      while (awaitEvents()) {
        deliver(consumer);
      }
    } finally {
      stopRunning();
    }
  }

  private void deliver(Consumer<? super NetlinkEvent> consumer) throws SyscallException {
    try {
      var messages = new MessageReader(socket.receive());
      while (messages.next()) {
        var event = EventMessages.decode(messages);
        if (event != null) {
          consumer.accept(event);
        }
      }
    } catch (LostAnswerException e) {
      // From the first loss until its queue is empty the kernel drops everything, without saying so
      // again. What is told before
      // that would be told too early: the tables would be read while changes still go unnoticed.
      socket.drain();
      consumer.accept(new NetlinkEvent.Lost(String.valueOf(e.getMessage())));
    } catch (MalformedMessageException e) {
      consumer.accept(new NetlinkEvent.Lost(String.valueOf(e.getMessage())));
    }
  }

  /** Waits until there is an event; returns false if this was closed instead. */
  private boolean awaitEvents() throws SyscallException {
    fds.putInt(0, socket.fd()).putShort(4, POLLIN);
    fds.putInt(POLLFD_BYTES, wakeFd).putShort(POLLFD_BYTES + 4, POLLIN);
    while (LibC.INSTANCE.poll(LibC.address(fds), 2, -1) < 0) {
      int errno = LibC.errno();
      if (errno != Errno.EINTR) {
        throw new SyscallException("poll(netlink)", errno);
      }
    }
    return fds.getShort(POLLFD_BYTES + 6) == 0;
  }

  private synchronized void stopRunning() throws SyscallException {
    running = false;
    if (closed) {
      release();
    }
  }

  /** Ends {@link #run}, which may still be giving its last events to the consumer when this returns. Idempotent. */
  @Override
  public synchronized void close() throws SyscallException {
    if (closed) {
      return;
    }
    closed = true;
    if (running) {
      wake();
    } else {
      release();
    }
  }

  private void wake() throws SyscallException {
    var one =
        ByteBuffer.allocateDirect(Long.BYTES).order(ByteOrder.nativeOrder()).putLong(0, 1);
    if (LibC.INSTANCE.write(wakeFd, one, Long.BYTES) < 0) {
      throw new SyscallException("write(eventfd)", LibC.errno());
    }
  }

  /** The descriptors go only when no thread polls them any more: their numbers may be in new use at once. */
  private void release() throws SyscallException {
    int result = LibC.INSTANCE.close(wakeFd);
    int errno = LibC.errno();
    socket.close();
    if (result < 0) {
      throw new SyscallException("close(eventfd)", errno);
    }
  }
}
