package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;

/**
 * A UDP socket that sends and receives many datagrams in one system call, and leaves cutting and joining datagrams of one flow to the
 * kernel where it can do that.
 *
 * <p>No router may fragment what is sent, so that the kernel learns how large packets the path takes, by the ICMP errors that come back.
 * What it knows to be larger is fragmented here.
 *
 * <p>One thread sends and one receives; both may do so until {@link #close()}, which comes after the last of them.
 */
public final class UdpBatchSocket implements DatagramTransport {
  private static final int SOCK_DGRAM = 2;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int SOL_SOCKET = 1;
  private static final int SO_SNDBUF = 7;
  private static final int SO_RCVBUF = 8;
  private static final int SO_REUSEPORT = 15;
  private static final int SO_SNDBUFFORCE = 32;
  private static final int SO_RCVBUFFORCE = 33;
  private static final int SOL_UDP = 17;
  private static final int UDP_SEGMENT = 103;
  private static final int UDP_GRO = 104;
  private static final int MSG_WAITFORONE = 0x10000;
  private static final int MSG_DONTWAIT = 0x40;
  private static final int SHUT_RDWR = 2;
  private static final int SOCKADDR_BYTES = 28;

  private static final int SOL_IP = 0;
  private static final int SOL_IPV6 = 41;
  private static final int IP_MTU_DISCOVER = 10;
  private static final int IP_MTU = 14;
  private static final int IPV6_MTU_DISCOVER = 23;
  private static final int IPV6_MTU = 24;
  private static final int PMTUDISC_WANT = 1;
  private static final int PMTUDISC_DO = 2;

  private static final int BUFFER_BYTES = 16 << 20;

  private final int fd;
  private final boolean v6;
  private final int pathProbe;
  private final boolean joins;
  private final long busyPollNanos;
  private volatile boolean cuts;
  private volatile boolean shutDown;
  private boolean closed;

  /**
   * @param pathProbe a second socket, which is connected to whom the kernel is asked about and sends nothing
   */
  private UdpBatchSocket(
      int fd, boolean v6, int pathProbe, boolean cuts, boolean joins, long busyPollNanos) {
    this.fd = fd;
    this.v6 = v6;
    this.pathProbe = pathProbe;
    this.cuts = cuts;
    this.joins = joins;
    this.busyPollNanos = busyPollNanos;
  }

  /**
   * Opens a socket in the network namespace of the calling thread.
   *
   * @param address the address to send from and to receive at
   * @throws SyscallException if the kernel refused: EADDRINUSE if another socket has the port, EADDRNOTAVAIL if the host does not have
   *     the address
   */
  public static UdpBatchSocket open(IpAddress address, int port) throws SyscallException {
    return open(address, port, false, Duration.ZERO);
  }

  /**
   * Opens {@code count} sockets that share an address and a port (SO_REUSEPORT), in the network namespace of the calling thread. The kernel
   * gives all datagrams from one address and port to the same one of them: flows from a peer that sends them all from one port, as this
   * class does, are not spread.
   *
   * @param busyPoll how long {@link #receive} asks again and again before it sleeps, zero for not at all
   * @throws SyscallException as {@link #open} does; nobody else's socket is shared with
   */
  public static ImmutableList<UdpBatchSocket> openGroup(
      IpAddress address, int port, int count, Duration busyPoll) throws SyscallException {
    checkArgument(count > 0, "a group of %s sockets", count);
    var sockets = new ArrayList<UdpBatchSocket>();
    try {
      while (sockets.size() < count) {
        sockets.add(open(address, port, !sockets.isEmpty(), busyPoll));
        if (sockets.size() == 1 && count > 1) {
          // Only now that the port is ours alone: before, it could be had together with another
          // group of this user's.
          share(sockets.get(0).fd);
        }
      }
      return ImmutableList.copyOf(sockets);
    } catch (SyscallException e) {
      for (UdpBatchSocket socket : sockets) {
        try {
          socket.close();
        } catch (IOException undo) {
          e.addSuppressed(undo);
        }
      }
      throw e;
    }
  }

  private static void share(int fd) throws SyscallException {
    SyscallException.check(
        "setsockopt(SO_REUSEPORT)", LibC.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1));
  }

  private static UdpBatchSocket open(IpAddress address, int port, boolean shares, Duration busyPoll)
      throws SyscallException {
    boolean v6 = address.family() == IpFamily.V6;
    int fd = socket(address);
    int pathProbe = -1;
    try {
      if (shares) {
        share(fd);
      }
      bind(fd, address, port);
      setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
      setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
      setPathMtuDiscovery(fd, v6, PMTUDISC_DO);
      pathProbe = socket(address);
      bind(pathProbe, address, 0);
      return new UdpBatchSocket(
          fd, v6, pathProbe, probe(fd, UDP_SEGMENT, 0), probe(fd, UDP_GRO, 1), busyPoll.toNanos());
    } catch (SyscallException e) {
      LibC.close(fd);
      if (pathProbe >= 0) {
        LibC.close(pathProbe);
      }
      throw e;
    }
  }

  private static int socket(IpAddress address) throws SyscallException {
    int family = AddressFamily.of(address.family());
    return SyscallException.check("socket(UDP)", LibC.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }

  private static void bind(int fd, IpAddress address, int port) throws SyscallException {
    var name = socketAddress(address, port);
    SyscallException.check("bind(" + address + ", port " + port + ")", LibC.bind(fd, name));
  }

  private static void setPathMtuDiscovery(int fd, boolean v6, int mode) throws SyscallException {
    SyscallException.check(
        "setsockopt(MTU_DISCOVER)",
        LibC.setsockopt(
            fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, mode));
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
  public int send(SendBatch batch) throws SyscallException {
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
      if (errno == Errno.EMSGSIZE || batch.segments(sent) > 1 && isAboutCutting(errno)) {
        refused += sendSeparately(batch, sent++);
      } else {
        refused += batch.segments(sent++);
      }
    }
    return refused;
  }

  /**
   * EIO says that the interface computes no checksums, without which the kernel cuts nothing; EINVAL, of older kernels, that a datagram
   * does not fit the path.
   */
  private boolean isAboutCutting(int errno) {
    if (errno == Errno.EIO) {
      cuts = false;
    }
    return errno == Errno.EIO || errno == Errno.EINVAL;
  }

  private int sendSeparately(SendBatch batch, int message) throws SyscallException {
    batch.separate(message);
    int segments = batch.segments(message);
    boolean fragments = false;
    int refused = 0;
    int sent = 0;
    while (sent < segments && !shutDown) {
      int n = LibC.sendmmsg(fd, batch.separateHeaders(sent), segments - sent, 0);
      int errno = n > 0 ? 0 : LibC.errno();
      if (n > 0) {
        sent += n;
      } else if (errno == Errno.EMSGSIZE && !fragments) {
        fragments = true;
        batch.setPathMtu(message, pathMtu(batch, message));
        setPathMtuDiscovery(fd, v6, PMTUDISC_WANT);
      } else if (errno != Errno.EINTR) {
        sent++;
        refused++;
      }
    }
    if (fragments) {
      setPathMtuDiscovery(fd, v6, PMTUDISC_DO);
    }
    return refused;
  }

  /** Returns what the kernel knows of the path of a message, 0 if that is nothing. */
  private int pathMtu(SendBatch batch, int message) {
    var mtu = ByteBuffer.allocateDirect(Integer.BYTES).order(ByteOrder.nativeOrder());
    boolean known =
        LibC.connect(pathProbe, batch.destinationAddress(message), batch.destinationBytes()) == 0
            && LibC.getsockopt(pathProbe, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_MTU : IP_MTU, mtu) == 0;
    return known ? mtu.getInt(0) : 0;
  }

  @SuppressWarnings(
      "ThreadPriorityCheck") // Polling without it keeps others from what it waits for.
  @Override
  public boolean receive(ReceiveBatch batch) throws SyscallException {
    batch.clear();
    int n = 0;
    if (busyPollNanos > 0) {
      long start = System.nanoTime();
      do {
        n = receive(batch, MSG_DONTWAIT);
        if (n <= 0) {
          Thread.yield(); // To whoever has what this waits for.
        }
      } while (!shutDown && n <= 0 && System.nanoTime() - start < busyPollNanos);
    }
    while (!shutDown && n <= 0) {
      n = receive(batch, MSG_WAITFORONE);
    }
    if (shutDown) {
      return false;
    }
    batch.received(n);
    return true;
  }

  /** Returns how many messages came, 0 or less if it is to be tried again. */
  private int receive(ReceiveBatch batch, int flags) throws SyscallException {
    int n = LibC.recvmmsg(fd, batch.prepare(), batch.capacity(), flags, 0);
    if (n < 0) {
      int errno = LibC.errno();
      if (errno != Errno.EINTR && errno != Errno.EAGAIN) {
        throw new SyscallException("recvmmsg", errno);
      }
    }
    return n;
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
      try {
        SyscallException.check("close(UDP)", LibC.close(fd));
      } finally {
        SyscallException.check("close(UDP)", LibC.close(pathProbe));
      }
    }
  }

  /** Tells what the kernel does, for a log. */
  @Override
  public String toString() {
    return "UDP socket[cuts=" + cuts + ", joins=" + joins + "]";
  }
}
