package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkArgument;
import static java.nio.charset.StandardCharsets.US_ASCII;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;

/**
 * A TUN device: a link whose packets this process sends and receives. It ends with {@link #close()}, and its addresses and routes
 * with it.
 *
 * <p>Every packet that is read or written begins with a virtio-net header of {@link #HEADER_BYTES} bytes in native order: u8 flags,
 * u8 type, u16 header length, u16 segment size, u16 checksum start, u16 checksum offset. Where the kernel knows no such header it
 * is all zero.
 *
 * <p>A device may have several queues, each an object of this class. The kernel gives all packets of a flow to one of them; what is written
 * to any goes to the host.
 *
 * <p>One thread reads and any number write; all may do so until {@link #close()}, which comes after the last of them.
 */
public final class TunDevice implements PacketPort {
  private static final int O_RDWR = 2;
  private static final int O_NONBLOCK = 0x800;
  private static final int O_CLOEXEC = 0x80000;
  private static final long TUNSETIFF = 0x400454caL;
  private static final long TUNSETOFFLOAD = 0x400454d0L;
  private static final long TUNSETQUEUE = 0x400454d9L;
  private static final int IFF_TUN = 1;
  private static final int IFF_NO_PI = 0x1000;
  private static final int IFF_MULTI_QUEUE = 0x100;
  private static final int IFF_DETACH_QUEUE = 0x400;
  private static final int IFF_VNET_HDR = 0x4000;
  private static final int TUN_F_CSUM_TSO = 0x07;
  private static final int TUN_F_USO = 0x60;
  private static final int IFNAMSIZ = 16;
  private static final int IFREQ_BYTES = 40;

  private final int fd;
  private final int writeFd;
  private final String name;
  private final TunOffloads offloads;
  private final WakeUp wakeUp;
  private final long busyPollNanos;
  private boolean closed;

  private TunDevice(
      int fd, int writeFd, String name, TunOffloads offloads, WakeUp wakeUp, long busyPollNanos) {
    this.fd = fd;
    this.writeFd = writeFd;
    this.name = name;
    this.offloads = offloads;
    this.wakeUp = wakeUp;
    this.busyPollNanos = busyPollNanos;
  }

  /**
   * Makes a device, down and without addresses, in the network namespace of the calling thread, with all that its kernel offers.
   *
   * @param pattern the name; {@code %d} in it becomes the first number that is free
   * @throws SyscallException if the kernel refused: EPERM without CAP_NET_ADMIN, ENOENT where there is no TUN at all
   */
  public static TunDevice open(String pattern) throws SyscallException {
    return open(pattern, true);
  }

  /**
   * Does what {@link #open(String)} does, but with {@code headers} false as a kernel does that has no virtio-net headers: every packet is
   * complete and comes alone.
   */
  public static TunDevice open(String pattern, boolean headers) throws SyscallException {
    int fd = openFile();
    try {
      var request = request(pattern);
      boolean attached = headers && attach(fd, request, IFF_VNET_HDR);
      if (!attached && !attach(fd, request, 0)) {
        throw refused(pattern);
      }
      return new TunDevice(fd, fd, name(request), offloads(fd, attached), WakeUp.open(), 0);
    } catch (SyscallException e) {
      LibC.close(fd);
      throw e;
    }
  }

  /**
   * Does what {@link #open(String)} does for a device with {@code count} queues. It ends when the last of them is closed.
   *
   * @param busyPoll how long {@link #await} asks again and again before it sleeps, zero for not at all
   */
  public static ImmutableList<TunDevice> openQueues(String pattern, int count, Duration busyPoll)
      throws SyscallException {
    checkArgument(count > 0, "a device of %s queues", count);
    var queues = new ArrayList<TunDevice>();
    try {
      for (String name = pattern; queues.size() < count; name = queues.get(0).name) {
        queues.add(openQueue(name, count > 1 ? IFF_MULTI_QUEUE : 0, busyPoll));
      }
      return ImmutableList.copyOf(queues);
    } catch (SyscallException e) {
      for (TunDevice queue : queues) {
        try {
          queue.close();
        } catch (IOException undo) {
          e.addSuppressed(undo);
        }
      }
      throw e;
    }
  }

  private static TunDevice openQueue(String name, int flag, Duration busyPoll)
      throws SyscallException {
    int fd = openFile();
    int writeFd = fd;
    try {
      var request = request(name);
      boolean headers = attach(fd, request, IFF_VNET_HDR | flag);
      if (!headers && !attach(fd, request, flag)) {
        throw refused(name);
      }
      if (flag != 0) {
        writeFd = openFile();
        attachForWriting(writeFd, request, headers ? IFF_VNET_HDR | flag : flag);
      }
      return new TunDevice(
          fd, writeFd, name(request), offloads(fd, headers), WakeUp.open(), busyPoll.toNanos());
    } catch (SyscallException e) {
      LibC.close(fd);
      if (writeFd != fd) {
        LibC.close(writeFd);
      }
      throw e;
    }
  }

  /**
   * Attaches what is no queue any more at once. Were packets written to a queue, the kernel would move the flow that they answer to that
   * queue, whose reader may overtake another that still has packets of it.
   */
  private static void attachForWriting(int fd, ByteBuffer request, int flags)
      throws SyscallException {
    if (!attach(fd, request, flags)) {
      throw refused(name(request));
    }
    request.putShort(IFNAMSIZ, (short) IFF_DETACH_QUEUE);
    SyscallException.check("ioctl(TUNSETQUEUE)", LibC.ioctl(fd, TUNSETQUEUE, request));
  }

  private static int openFile() throws SyscallException {
    return SyscallException.check(
        "open(/dev/net/tun)", LibC.open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC, 0));
  }

  private static ByteBuffer request(String pattern) {
    LinkMessages.checkedName(pattern);
    return ByteBuffer.allocateDirect(IFREQ_BYTES)
        .order(ByteOrder.nativeOrder())
        .put(0, pattern.getBytes(US_ASCII));
  }

  private static SyscallException refused(String pattern) {
    return new SyscallException("ioctl(TUNSETIFF " + pattern + ")", Errno.EINVAL);
  }

  /** Returns false if the kernel does not know one of the flags. */
  private static boolean attach(int fd, ByteBuffer request, int flag) throws SyscallException {
    request.putShort(IFNAMSIZ, (short) (IFF_TUN | IFF_NO_PI | flag));
    if (LibC.ioctl(fd, TUNSETIFF, request) < 0) {
      int errno = LibC.errno();
      if (errno == Errno.EINVAL) {
        return false;
      }
      throw new SyscallException("ioctl(TUNSETIFF)", errno);
    }
    return true;
  }

  private static String name(ByteBuffer request) {
    byte[] name = new byte[IFNAMSIZ];
    request.get(0, name);
    return new String(name, US_ASCII).trim();
  }

  private static TunOffloads offloads(int fd, boolean headers) {
    if (!headers) {
      return new TunOffloads(false, false, false);
    }
    boolean udp = LibC.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM_TSO | TUN_F_USO) == 0;
    boolean tcp = udp || LibC.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM_TSO) == 0;
    return new TunOffloads(true, tcp, udp);
  }

  /** Returns the name that the kernel gave it; somebody may have renamed the link since. */
  public String name() {
    return name;
  }

  @Override
  public TunOffloads offloads() {
    return offloads;
  }

  @Override
  public int read(OffHeap memory, int offset, int capacity) throws SyscallException {
    int skipped = offloads.header() ? 0 : HEADER_BYTES;
    if (skipped > 0) {
      memory.buffer().putLong(offset, 0).putShort(offset + Long.BYTES, (short) 0);
    }
    while (true) {
      long length = LibC.read(fd, memory.address(offset + skipped), capacity - skipped);
      if (length >= 0) {
        return (int) length + skipped;
      }
      int errno = LibC.errno();
      if (errno == Errno.EAGAIN) {
        return 0;
      }
      if (errno != Errno.EINTR) {
        throw new SyscallException("read(" + name + ")", errno);
      }
    }
  }

  @Override
  public boolean await() throws SyscallException {
    return wakeUp.awaitBusily(fd, busyPollNanos);
  }

  @Override
  public boolean write(Slices packet) throws SyscallException {
    if (!offloads.header()) {
      packet.trimFirst(HEADER_BYTES);
    }
    while (LibC.writev(writeFd, packet.iovecs(), packet.count()) < 0) {
      int errno = LibC.errno();
      if (errno == Errno.EBADFD || errno == Errno.ENODEV) {
        throw new SyscallException("writev(" + name + ")", errno);
      }
      if (errno != Errno.EINTR) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void shutdown() throws SyscallException {
    wakeUp.wake();
  }

  /** Removes the queue, and with the last one the device. Only the first call does something. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      SyscallException.check("close(" + name + ")", LibC.close(fd));
      if (writeFd != fd) {
        SyscallException.check("close(" + name + ")", LibC.close(writeFd));
      }
    } finally {
      wakeUp.close();
    }
  }
}
