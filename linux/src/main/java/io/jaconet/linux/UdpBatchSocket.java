package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A UDP socket that sends and receives many datagrams in one system call, and leaves cutting and joining datagrams of one flow to the
 * kernel where it can do that.
 *
 * <p>One thread sends and one receives; both may do so until {@link #close()}, which comes after the last of them.
 */
public final class UdpBatchSocket implements DatagramTransport {
  private static final int SOCK_DGRAM = 2;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int SOL_SOCKET = 1;
  private static final int SO_SNDBUF = 7;
  private static final int SO_RCVBUF = 8;
  private static final int SO_SNDBUFFORCE = 32;
  private static final int SO_RCVBUFFORCE = 33;
  private static final int SOL_UDP = 17;
  private static final int UDP_SEGMENT = 103;
  private static final int UDP_GRO = 104;
  private static final int MSG_WAITFORONE = 0x10000;
  private static final int SHUT_RDWR = 2;
  private static final int SOCKADDR_BYTES = 28;

  private static final int BUFFER_BYTES = 16 << 20;

  private final int fd;
  private final boolean joins;
  private volatile boolean cuts;
  private volatile boolean shutDown;
  private boolean closed;

  private UdpBatchSocket(int fd, boolean cuts, boolean joins) {
    this.fd = fd;
    this.cuts = cuts;
    this.joins = joins;
  }

  /**
   * Opens a socket in the network namespace of the calling thread.
   *
   * @param address the address to send from and to receive at
   * @throws SyscallException if the kernel refused: EADDRINUSE if another socket has the port, EADDRNOTAVAIL if the host does not have
   *     the address
   */
  public static UdpBatchSocket open(IpAddress address, int port) throws SyscallException {
    int family = AddressFamily.of(address.family());
    int fd =
        SyscallException.check("socket(UDP)", LibC.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    try {
      var name = socketAddress(address, port);
      SyscallException.check("bind(" + address + ", port " + port + ")", LibC.bind(fd, name));
      setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
      setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
      return new UdpBatchSocket(fd, probe(fd, UDP_SEGMENT, 0), probe(fd, UDP_GRO, 1));
    } catch (SyscallException e) {
      LibC.close(fd);
      throw e;
    }
  }

  private static ByteBuffer socketAddress(IpAddress address, int port) {
    boolean v6 = address.family() == IpFamily.V6;
    var name = ByteBuffer.allocateDirect(v6 ? SOCKADDR_BYTES : 16);
    name.order(ByteOrder.nativeOrder()).putShort(0, (short) AddressFamily.of(address.family()));
    name.order(ByteOrder.BIG_ENDIAN).putShort(2, (short) port);
    name.put(v6 ? 8 : 4, address.toBytes());
    return name;
  }

  /** Asks for a large buffer; without CAP_NET_ADMIN the kernel gives what {@code net.core.wmem_max} and {@code rmem_max} allow. */
  private static void setBuffer(int fd, int force, int plain) throws SyscallException {
    int option = force;
    while (LibC.setsockopt(fd, SOL_SOCKET, option, BUFFER_BYTES) < 0) {
      int errno = LibC.errno();
      if (errno != Errno.EPERM || option == plain) {
        throw new SyscallException("setsockopt(SOL_SOCKET, " + option + ")", errno);
      }
      option = plain;
    }
  }

  /** Returns whether the kernel has the option. */
  private static boolean probe(int fd, int option, int value) throws SyscallException {
    if (LibC.setsockopt(fd, SOL_UDP, option, value) < 0) {
      int errno = LibC.errno();
      if (errno != Errno.ENOPROTOOPT) {
        throw new SyscallException("setsockopt(SOL_UDP, " + option + ")", errno);
      }
      return false;
    }
    return true;
  }

  /** Returns whether the kernel cuts messages into datagrams (UDP_SEGMENT); it may turn out at any time that it cannot. */
  public boolean cuts() {
    return cuts;
  }

  /** Returns whether the kernel joins received datagrams (UDP_GRO). */
  public boolean joins() {
    return joins;
  }

  @Override
  public int send(SendBatch batch) {
    int refused = 0;
    int sent = 0;
    while (sent < batch.count() && !shutDown) {
      if (!cuts && batch.segments(sent) > 1) {
        refused += sendSeparately(batch, sent++);
        continue;
      }
      int n = LibC.sendmmsg(fd, batch.headers(sent), cuts ? batch.count() - sent : 1, 0);
      if (n > 0) {
        sent += n;
        continue;
      }
      int errno = LibC.errno();
      if (errno == Errno.EINTR) {
        continue;
      }
      if (batch.segments(sent) > 1 && isAboutCutting(errno)) {
        refused += sendSeparately(batch, sent++);
      } else {
        refused += batch.segments(sent++);
      }
    }
    return refused;
  }

  /**
   * EIO says that the interface computes no checksums, without which the kernel cuts nothing; the others that this message does not
   * fit the path, so that its datagrams must be fragmented one by one.
   */
  private boolean isAboutCutting(int errno) {
    if (errno == Errno.EIO) {
      cuts = false;
    }
    return errno == Errno.EIO || errno == Errno.EINVAL || errno == Errno.EMSGSIZE;
  }

  private int sendSeparately(SendBatch batch, int message) {
    batch.separate(message);
    int segments = batch.segments(message);
    int refused = 0;
    int sent = 0;
    while (sent < segments && !shutDown) {
      int n = LibC.sendmmsg(fd, batch.separateHeaders(sent), segments - sent, 0);
      if (n > 0) {
        sent += n;
      } else if (LibC.errno() != Errno.EINTR) {
        sent++;
        refused++;
      }
    }
    return refused;
  }

  @Override
  public boolean receive(ReceiveBatch batch) throws SyscallException {
    batch.clear();
    int n = 0;
    while (!shutDown && n <= 0) {
      n = LibC.recvmmsg(fd, batch.prepare(), batch.capacity(), MSG_WAITFORONE, 0);
      if (n < 0) {
        int errno = LibC.errno();
        if (errno != Errno.EINTR) {
          throw new SyscallException("recvmmsg", errno);
        }
      }
    }
    if (shutDown) {
      return false;
    }
    batch.received(n);
    return true;
  }

  @Override
  public void shutdown() {
    shutDown = true;
    // An unconnected socket answers ENOTCONN, but the kernel wakes those who wait all the same.
    LibC.shutdown(fd, SHUT_RDWR);
  }

  /** Closes the socket. Only the first call does something. */
  @Override
  public void close() throws IOException {
    if (!closed) {
      closed = true;
      SyscallException.check("close(UDP)", LibC.close(fd));
    }
  }

  /** Tells what the kernel does, for a log. */
  @Override
  public String toString() {
    return "UDP socket[cuts=" + cuts + ", joins=" + joins + "]";
  }
}
