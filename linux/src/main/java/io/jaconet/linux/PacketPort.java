package io.jaconet.linux;

import java.io.IOException;

/**
 * Where a data path takes the host's packets from and where it puts those for the host: a {@link TunDevice}, or whatever an application
 * makes. Every packet begins with the virtio-net header that {@link TunDevice} describes.
 *
 * <p>One thread reads, any number write; all may do so until {@link #close()}, which comes after the last of them.
 */
public interface PacketPort extends AutoCloseable {
  /** The length of the virtio-net header. */
  int HEADER_BYTES = 10;

  /** Returns which packets {@link #write} takes besides complete ones, and {@link #read} may give. */
  TunOffloads offloads();

  /**
   * Reads the next packet, header first.
   *
   * @param capacity room for header and packet; a packet that is longer is cut or lost
   * @return its length with the header; 0 if there is none now
   * @throws IOException if the port is lost for good
   */
  int read(OffHeap memory, int offset, int capacity) throws IOException;

  /**
   * Waits until there may be a packet to read or the port is lost.
   *
   * @return false once {@link #shutdown} was called
   */
  boolean await() throws IOException;

  /**
   * Writes one packet, whose first piece begins with the header. The list may be changed by this; its bytes are not needed any more
   * afterwards.
   *
   * @return false if the port takes no such packet, or none now
   * @throws IOException if the port is lost for good
   */
  boolean write(Slices packet) throws IOException;

  /** Ends {@link #await} for ever. For any thread. */
  void shutdown() throws IOException;

  /** Frees the port. Only the first call does something. */
  @Override
  void close() throws IOException;
}
