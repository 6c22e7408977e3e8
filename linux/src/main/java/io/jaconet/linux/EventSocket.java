package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkState;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.nio.ByteBuffer;

/**
 * A netlink socket that hears of changes: one thread waits, any thread closes. To read more than one message without a close in between,
 * hold this object's lock.
 */
final class EventSocket implements AutoCloseable {
  private final NetlinkSocket socket;
  private final WakeUp wakeUp;

  @GuardedBy("this")
  private boolean entered;

  @GuardedBy("this")
  private boolean closed;

  private EventSocket(NetlinkSocket socket, WakeUp wakeUp) {
    this.socket = socket;
    this.wakeUp = wakeUp;
  }

  /** Takes {@code socket} over, and closes it if this fails. */
  static EventSocket over(NetlinkSocket socket) throws SyscallException {
    try {
      return new EventSocket(socket, WakeUp.open());
    } catch (SyscallException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * Keeps the descriptors until {@link #leave}; returns false if this is closed.
   *
   * @throws IllegalStateException if another thread has entered
   */
  synchronized boolean enter() {
    checkState(!entered, "another thread receives these events");
    entered = !closed;
    return entered;
  }

  synchronized void leave() throws SyscallException {
    entered = false;
    if (closed) {
      release();
    }
  }

  /** Waits for a message; returns false if this is closed. For the thread that entered. */
  boolean await() throws SyscallException {
    return wakeUp.await(socket.fd());
  }

  /** Does what {@link #await()} does, but also returns true after {@code limitMillis}. */
  boolean await(int limitMillis) throws SyscallException {
    return wakeUp.await(socket.fd(), limitMillis);
  }

  /** Returns whether there is a message, or word of a lost one. */
  synchronized boolean isReadable() throws SyscallException {
    return !closed && socket.isReadable();
  }

  ByteBuffer receive() throws LostAnswerException, SyscallException {
    return socket.receive();
  }

  void drain() throws SyscallException {
    socket.drain();
  }

  /** Ends the wait of whoever entered. Idempotent. */
  @Override
  public synchronized void close() throws SyscallException {
    if (closed) {
      return;
    }
    closed = true;
    if (entered) {
      wakeUp.wake();
    } else {
      release();
    }
  }

  /** The descriptors go only when no thread polls them any more: their numbers may be in new use at once. */
  private void release() throws SyscallException {
    try {
      wakeUp.close();
    } finally {
      socket.close();
    }
  }
}
