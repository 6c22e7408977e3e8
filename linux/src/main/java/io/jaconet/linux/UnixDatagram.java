package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Datagrams to Unix sockets, which Java has not: systemd listens at one for what a daemon says of itself. */
public final class UnixDatagram {
  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM = 2;
  private static final int SOCK_NONBLOCK = 0x800;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int MAX_NAME_BYTES = 107;

  private UnixDatagram() {}

  /**
   * Sends {@code message} as one datagram, without waiting for a receiver that is slow.
   *
   * @param receiver an absolute path, or {@code @} and an abstract name
   * @throws IOException if nobody listens there, or not now
   * @throws IllegalArgumentException if {@code receiver} is neither, or too long
   */
  public static void send(String receiver, String message) throws IOException {
    var address = address(receiver);
    int fd = SyscallException.check(
        "socket(AF_UNIX)", LibC.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    try {
      SyscallException.check("connect(" + receiver + ")", LibC.connect(fd, address));
      byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
      var datagram = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
      if (LibC.write(fd, datagram, bytes.length) < 0) {
        throw new SyscallException("write(" + receiver + ")", LibC.errno());
      }
    } finally {
      LibC.close(fd);
    }
  }

  /** Returns the struct sockaddr_un: a path ends with a zero byte, an abstract name begins with one (unix(7)). */
  private static ByteBuffer address(String receiver) {
    byte[] name = receiver.getBytes(StandardCharsets.UTF_8);
    boolean isAbstract = receiver.startsWith("@");
    checkArgument(
        (isAbstract || receiver.startsWith("/"))
            && name.length > 1
            && name.length <= MAX_NAME_BYTES,
        "'%s' is not an absolute path or @ and a name, of up to %s bytes",
        receiver,
        MAX_NAME_BYTES);
    if (isAbstract) {
      name[0] = 0;
    }
    return ByteBuffer.allocateDirect(2 + name.length + (isAbstract ? 0 : 1))
        .order(ByteOrder.nativeOrder())
        .putShort((short) AF_UNIX)
        .put(name)
        .rewind();
  }
}
