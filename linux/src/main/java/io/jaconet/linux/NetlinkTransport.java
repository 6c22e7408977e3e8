package io.jaconet.linux;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Datagrams to the kernel and back. */
interface NetlinkTransport extends AutoCloseable {

  /** Sends the remaining bytes of {@code messages}, a direct buffer, as one datagram. */
  void send(ByteBuffer messages) throws SyscallException;

  /**
   * Returns the next datagram from the kernel. The kernel answers a request before {@link #send} returns, so nothing is waited
   * for. The bytes stay until the next call.
   *
   * @throws LostAnswerException if the kernel dropped one, if it did not fit, or if there is none
   */
  ByteBuffer receive() throws IOException;

  /** Drops every datagram that the kernel has for us, up to the end of a running dump. */
  void drain() throws SyscallException;

  /** Returns the number that the kernel addresses its answers to. */
  int portId();

  /** Returns an upper limit of the messages that one datagram may hold so that all of them can be answered. */
  int maxMessagesPerSend();

  @Override
  void close() throws SyscallException;
}
