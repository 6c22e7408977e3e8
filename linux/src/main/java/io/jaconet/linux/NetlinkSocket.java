package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkState;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A netlink socket. Belongs to the network namespace of the thread that opened it, whoever uses it later. */
final class NetlinkSocket implements NetlinkTransport {
  private static final int AF_NETLINK = 16;
  private static final int SOCK_RAW = 3;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int NETLINK_ROUTE = 0;
  private static final int NETLINK_NETFILTER = 12;
  private static final int SOL_SOCKET = 1;
  private static final int SO_RCVBUF = 8;
  private static final int SO_RCVBUFFORCE = 33;
  private static final int SOL_NETLINK = 270;
  private static final int NETLINK_CAP_ACK = 10;
  private static final int NETLINK_EXT_ACK = 11;
  private static final int NETLINK_GET_STRICT_CHK = 12;
  private static final short POLLIN = 1;
  private static final int MSG_TRUNC = 0x20;
  private static final int MSG_DONTWAIT = 0x40;

  private static final int SOCKADDR_BYTES = 12;
  private static final int SOCKADDR_PORT_OFFSET = 4;
  private static final int IOV_OFFSET = 56;
  private static final int NAME_OFFSET = IOV_OFFSET + 16;
  private static final int MSGHDR_FLAGS_OFFSET = 48;

  /** A refused message costs the kernel this much of the receive buffer: a struct sk_buff and the text of the refusal. */
  private static final int ANSWER_BYTES = 2048;

  /** The kernel fills a dump's datagrams up to the size of the reader's buffer, but no further than this. */
  private static final int INITIAL_DATAGRAM_BYTES = 32 << 10;

  private static final int MAX_DATAGRAM_BYTES = 16 << 20;

  private final ByteBuffer header =
      ByteBuffer.allocateDirect(NAME_OFFSET + SOCKADDR_BYTES).order(ByteOrder.nativeOrder());
  private final long headerAddress = LibC.address(header);
  private final ByteBuffer poll = ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder());
  private final int portId;
  private final int receiveBufferBytes;
  private ByteBuffer datagram = ByteBuffer.allocateDirect(INITIAL_DATAGRAM_BYTES);
  private int fd;

  private NetlinkSocket(int fd, int groups, int receiveBufferBytes) throws SyscallException {
    this.fd = fd;
    header
        .putLong(0, headerAddress + NAME_OFFSET)
        .putLong(16, headerAddress + IOV_OFFSET)
        .putLong(24, 1);
    try {
      this.portId = bind(groups);
      setOption(SOL_NETLINK, NETLINK_CAP_ACK, 1, "setsockopt(NETLINK_CAP_ACK)");
      setOption(SOL_NETLINK, NETLINK_EXT_ACK, 1, "setsockopt(NETLINK_EXT_ACK)");
      setOption(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1, "setsockopt(NETLINK_GET_STRICT_CHK)");
      this.receiveBufferBytes = growReceiveBuffer(receiveBufferBytes);
    } catch (SyscallException e) {
      close();
      throw e;
    }
  }

  /**
   * Opens an rtnetlink socket in the network namespace of the calling thread.
   *
   * @param groups a bit for each multicast group to join
   * @param receiveBufferBytes what the kernel should hold for us; it may give less to a process without CAP_NET_ADMIN
   */
  static NetlinkSocket open(int groups, int receiveBufferBytes) throws SyscallException {
    return open(NETLINK_ROUTE, groups, receiveBufferBytes);
  }

  /** Opens a socket to the packet filter; the rest is as for {@link #open(int, int)}. */
  static NetlinkSocket openNetfilter(int groups, int receiveBufferBytes) throws SyscallException {
    return open(NETLINK_NETFILTER, groups, receiveBufferBytes);
  }

  private static NetlinkSocket open(int protocol, int groups, int receiveBufferBytes)
      throws SyscallException {
    int fd = LibC.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
      throw new SyscallException("socket(AF_NETLINK)", LibC.errno());
    }
    return new NetlinkSocket(fd, groups, receiveBufferBytes);
  }

  private int bind(int groups) throws SyscallException {
    var address = ByteBuffer.allocateDirect(SOCKADDR_BYTES).order(ByteOrder.nativeOrder());
    address.putShort(0, (short) AF_NETLINK).putInt(8, groups);
    if (LibC.bind(fd, address) < 0) {
      throw new SyscallException("bind(netlink)", LibC.errno());
    }
    if (LibC.getsockname(fd, address) < 0) {
      throw new SyscallException("getsockname(netlink)", LibC.errno());
    }
    return address.getInt(SOCKADDR_PORT_OFFSET);
  }

  private void setOption(int level, int option, int value, String call) throws SyscallException {
    if (LibC.setsockopt(fd, level, option, value) < 0) {
      throw new SyscallException(call, LibC.errno());
    }
  }

  private int growReceiveBuffer(int bytes) throws SyscallException {
    try {
      setOption(SOL_SOCKET, SO_RCVBUFFORCE, bytes, "setsockopt(SO_RCVBUFFORCE)");
    } catch (SyscallException e) {
      if (e.errno() != Errno.EPERM) {
        throw e;
      }
      setOption(SOL_SOCKET, SO_RCVBUF, bytes, "setsockopt(SO_RCVBUF)");
    }
    var actual = ByteBuffer.allocateDirect(Integer.BYTES).order(ByteOrder.nativeOrder());
    if (LibC.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, actual) < 0) {
      throw new SyscallException("getsockopt(SO_RCVBUF)", LibC.errno());
    }
    return actual.getInt(0);
  }

  @Override
  public int portId() {
    return portId;
  }

  @Override
  public int maxMessagesPerSend() {
    return Math.max(1, receiveBufferBytes / ANSWER_BYTES);
  }

  /** Returns the descriptor, for poll. */
  int fd() {
    checkState(fd >= 0, "the netlink socket is closed");
    return fd;
  }

  /** Returns whether {@link #receive} would find something, a loss included. */
  boolean isReadable() throws SyscallException {
    poll.putInt(0, fd()).putShort(4, POLLIN).putShort(6, (short) 0);
    return SyscallException.check("poll", LibC.poll(LibC.address(poll), 1, 0)) > 0;
  }

  @Override
  public void send(ByteBuffer messages) throws SyscallException {
    prepare(messages);
    header.putLong(NAME_OFFSET, 0).putInt(NAME_OFFSET + 8, 0).putShort(NAME_OFFSET, (short)
        AF_NETLINK);
    while (LibC.sendmsg(fd(), headerAddress, 0) < 0) {
      int errno = LibC.errno();
      if (errno != Errno.EINTR) {
        throw new SyscallException("sendmsg(netlink)", errno);
      }
    }
  }

  @Override
  public ByteBuffer receive() throws LostAnswerException, SyscallException {
    while (true) {
      long length = receiveOnce();
      if (length == -Errno.ENOBUFS || length == -Errno.EAGAIN) {
        throw new LostAnswerException(
            length == -Errno.ENOBUFS ? "the kernel dropped an answer" : "the kernel has no answer");
      }
      if (length < 0) {
        throw new SyscallException("recvmsg(netlink)", (int) -length);
      }
      if (length > datagram.capacity()) {
        grow(length);
        throw new LostAnswerException("an answer had " + length + " bytes and was cut");
      }
      if (header.getInt(NAME_OFFSET + SOCKADDR_PORT_OFFSET) == 0) {
        return datagram.clear().limit((int) length);
      }
    }
  }

  private void grow(long bytes) {
    datagram = ByteBuffer.allocateDirect(
        (int) Math.min(MAX_DATAGRAM_BYTES, Long.highestOneBit(bytes) * 2));
  }

  @Override
  public void drain() throws SyscallException {
    while (true) {
      long length = receiveOnce();
      if (length == -Errno.EAGAIN) {
        return;
      }
      if (length < 0 && length != -Errno.ENOBUFS) {
        throw new SyscallException("recvmsg(netlink)", (int) -length);
      }
    }
  }

  /** Returns the length of the datagram, which may be more than was received, or a negative errno. */
  private long receiveOnce() {
    prepare(datagram.clear());
    while (true) {
      long length = LibC.recvmsg(fd(), headerAddress, MSG_DONTWAIT | MSG_TRUNC);
      if (length >= 0) {
        return length;
      }
      int errno = LibC.errno();
      if (errno != Errno.EINTR) {
        return -errno;
      }
    }
  }

  private void prepare(ByteBuffer buffer) {
    header
        .putInt(8, SOCKADDR_BYTES)
        .putInt(MSGHDR_FLAGS_OFFSET, 0)
        .putLong(IOV_OFFSET, LibC.address(buffer))
        .putLong(IOV_OFFSET + 8, buffer.remaining());
  }

  /** Leaves the socket closed also if the kernel complains. */
  @Override
  public void close() throws SyscallException {
    if (fd >= 0) {
      int closing = fd;
      fd = -1;
      if (LibC.close(closing) < 0) {
        throw new SyscallException("close(netlink)", LibC.errno());
      }
    }
  }
}
