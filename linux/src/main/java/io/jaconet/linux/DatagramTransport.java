package io.jaconet.linux;

import java.io.IOException;

/**
 * What carries datagrams between the hosts of one underlay family: a {@link UdpBatchSocket}, or memory in tests.
 *
 * <p>One thread sends and one receives; both may do so until {@link #close()}, which comes after the last of them.
 */
public interface DatagramTransport extends AutoCloseable {
  /**
   * Sends all of {@code batch}; its bytes are not needed any more afterwards. Datagrams that the path turns out to be too narrow for go in
   * fragments, and {@link SendBatch#pathMtu} tells.
   *
   * @return how many datagrams were refused; they are lost
   */
  int send(SendBatch batch) throws IOException;

  /**
   * Waits for datagrams and puts what has come into {@code batch}, in place of what is there.
   *
   * @return false once {@link #shutdown} was called
   */
  boolean receive(ReceiveBatch batch) throws IOException;

  /** Ends {@link #receive} and {@link #send} for ever. For any thread. */
  void shutdown();

  /** Frees the transport. Only the first call does something. */
  @Override
  void close() throws IOException;
}
