package io.jaconet.linux;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;

/**
 * The right to look after a device, held by one network of one process in a network namespace: an abstract Unix socket bears the
 * device's name. The kernel keeps those names apart by namespace, and takes them back whenever a process ends, however that comes about.
 */
final class DeviceLock implements AutoCloseable {
  private static final int AF_UNIX = 1;
  private static final int SOCK_STREAM = 1;
  private static final int SOCK_NONBLOCK = 0x800;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int SOL_SOCKET = 1;
  private static final int SO_PEERCRED = 17;
  private static final int UCRED_BYTES = 12;
  private static final int BACKLOG = 8;

  private int fd;

  private DeviceLock(int fd) {
    this.fd = fd;
  }

  /**
   * Takes the right to look after {@code device} in {@code namespace}.
   *
   * @throws IOException if somebody has it; the message says who, and since when
   */
  public static DeviceLock acquire(NetworkNamespace namespace, String device) throws IOException {
    return namespace.call(() -> acquire(device));
  }

  private static DeviceLock acquire(String device) throws IOException {
    ByteBuffer address = address(device);
    int fd = socket();
    if (LibC.bind(fd, address) == 0 && LibC.listen(fd, BACKLOG) == 0) {
      return new DeviceLock(fd);
    }
    int errno = LibC.errno();
    LibC.close(fd);
    if (errno != Errno.EADDRINUSE) {
      throw new SyscallException("bind(@" + name(device) + ")", errno);
    }
    throw new IOException(device + " is looked after already, by " + holder(address)
        + "; end that one, or choose another VNI or network namespace");
  }

  private static int socket() throws SyscallException {
    return SyscallException.check(
        "socket(AF_UNIX)", LibC.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }

  private static String name(String device) {
    return "io.jaconet/" + device;
  }

  /** Returns the struct sockaddr_un of an abstract name, which starts with a zero byte (unix(7)). */
  private static ByteBuffer address(String device) {
    byte[] name = name(device).getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocateDirect(3 + name.length)
        .order(ByteOrder.nativeOrder())
        .putShort((short) AF_UNIX)
        .put((byte) 0)
        .put(name)
        .flip();
  }

  private static String holder(ByteBuffer address) throws SyscallException {
    int fd = socket();
    try {
      var credentials = ByteBuffer.allocateDirect(UCRED_BYTES).order(ByteOrder.nativeOrder());
      if (LibC.connect(fd, address) < 0
          || LibC.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials) < 0) {
        return "a process that does not say who it is";
      }
      return describe(credentials.getInt(0));
    } finally {
      LibC.close(fd);
    }
  }

  private static String describe(int pid) {
    if (pid == ProcessHandle.current().pid()) {
      return "another network of this process";
    }
    var process = ProcessHandle.of(pid);
    String since =
        process.flatMap(p -> p.info().startInstant()).map(Instant::toString).orElse("unknown time");
    String command = process.flatMap(p -> p.info().command()).orElse("unknown command");
    return "process " + pid + " (" + command + ", running since " + since + ")";
  }

  /** Gives the right back. Idempotent. */
  @Override
  public void close() throws SyscallException {
    if (fd >= 0) {
      int closing = fd;
      fd = -1;
      SyscallException.check("close", LibC.close(closing));
    }
  }
}
