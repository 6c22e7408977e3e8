package io.jaconet.linux;

import com.kenai.jffi.CallContext;
import com.kenai.jffi.CallingConvention;
import com.kenai.jffi.Invoker;
import com.kenai.jffi.LastError;
import com.kenai.jffi.Library;
import com.kenai.jffi.MemoryIO;
import com.kenai.jffi.Type;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The C library, with the signatures of the man pages (64-bit Linux). Nothing is checked here: a caller looks at the result of
 * each call at once and reads {@link #errno()} before it makes another one on the same thread.
 *
 * <p>Buffers are direct ones, passed from their position; a {@code long} named like a structure is its address.
 *
 * <p>Calls go through jffi, the lower half of jnr-ffi, which is as quick a way. The upper half would first generate classes, which takes
 * as long as all the rest of a first join.
 */
final class LibC {
  private static final Invoker INVOKER = Invoker.getInstance();
  private static final Library LIBRARY =
      Library.getCachedInstance(null, Library.LAZY | Library.GLOBAL);
  private static final LastError LAST_ERROR = LastError.getInstance();
  private static final MemoryIO MEMORY = MemoryIO.getInstance();

  private static final Type INT = Type.SINT32;
  private static final Type LONG = Type.SINT64;

  private static final Function OPEN = new Function("open", INT, LONG, INT, INT);
  private static final Function CLOSE = new Function("close", INT, INT);
  private static final Function READ = new Function("read", LONG, INT, LONG, LONG);
  private static final Function WRITE = new Function("write", LONG, INT, LONG, LONG);
  private static final Function WRITEV = new Function("writev", LONG, INT, LONG, INT);
  private static final Function IOCTL = new Function("ioctl", INT, INT, LONG, LONG);
  private static final Function FLOCK = new Function("flock", INT, INT, INT);
  private static final Function POLL = new Function("poll", INT, LONG, LONG, INT);
  private static final Function EVENTFD = new Function("eventfd", INT, INT, INT);
  private static final Function SETNS = new Function("setns", INT, INT, INT);
  private static final Function UNSHARE = new Function("unshare", INT, INT);
  private static final Function MOUNT = new Function("mount", INT, LONG, LONG, LONG, LONG, LONG);
  private static final Function UMOUNT2 = new Function("umount2", INT, LONG, INT);
  private static final Function SOCKET = new Function("socket", INT, INT, INT, INT);
  private static final Function BIND = new Function("bind", INT, INT, LONG, INT);
  private static final Function GETSOCKNAME = new Function("getsockname", INT, INT, LONG, LONG);
  private static final Function SETSOCKOPT =
      new Function("setsockopt", INT, INT, INT, INT, LONG, INT);
  private static final Function GETSOCKOPT =
      new Function("getsockopt", INT, INT, INT, INT, LONG, LONG);
  private static final Function LISTEN = new Function("listen", INT, INT, INT);
  private static final Function CONNECT = new Function("connect", INT, INT, LONG, INT);
  private static final Function SENDMSG = new Function("sendmsg", LONG, INT, LONG, INT);
  private static final Function RECVMSG = new Function("recvmsg", LONG, INT, LONG, INT);
  private static final Function SENDMMSG = new Function("sendmmsg", INT, INT, LONG, INT, INT);
  private static final Function RECVMMSG = new Function("recvmmsg", INT, INT, LONG, INT, INT, LONG);
  private static final Function SHUTDOWN = new Function("shutdown", INT, INT, INT);

  private LibC() {}

  /** A function whose arguments are numbers, and how it is called. */
  private static final class Function {
    private static final boolean KEEPS_ERRNO = true;

    private final CallContext context;
    private final long address;

    Function(String name, Type result, Type... parameters) {
      context =
          CallContext.getCallContext(result, parameters, CallingConvention.DEFAULT, KEEPS_ERRNO);
      address = LIBRARY.getSymbolAddress(name);
      if (address == 0) {
        throw new UnsatisfiedLinkError("the C library has no " + name);
      }
    }

    long call(long a) {
      return INVOKER.invokeN1(context, address, a);
    }

    long call(long a, long b) {
      return INVOKER.invokeN2(context, address, a, b);
    }

    long call(long a, long b, long c) {
      return INVOKER.invokeN3(context, address, a, b, c);
    }

    long call(long a, long b, long c, long d) {
      return INVOKER.invokeN4(context, address, a, b, c, d);
    }

    long call(long a, long b, long c, long d, long e) {
      return INVOKER.invokeN5(context, address, a, b, c, d, e);
    }
  }

  /** Returns the errno that the last call on this thread left; only meaningful if that call failed. */
  static int errno() {
    return LAST_ERROR.get();
  }

  /** Returns where the byte at the position of {@code direct} is in memory; valid while the buffer is reachable. */
  static long address(ByteBuffer direct) {
    return MEMORY.getDirectBufferAddress(direct) + direct.position();
  }

  static int open(String path, int flags, int mode) {
    var text = text(path);
    try {
      return (int) OPEN.call(address(text), flags, mode);
    } finally {
      Reference.reachabilityFence(text);
    }
  }

  static int close(int fd) {
    return (int) CLOSE.call(fd);
  }

  static long read(int fd, ByteBuffer buffer, long count) {
    try {
      return READ.call(fd, address(buffer), count);
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }

  static long read(int fd, long buffer, long count) {
    return READ.call(fd, buffer, count);
  }

  static long write(int fd, ByteBuffer buffer, long count) {
    try {
      return WRITE.call(fd, address(buffer), count);
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }

  static long writev(int fd, long iovec, int count) {
    return WRITEV.call(fd, iovec, count);
  }

  static int ioctl(int fd, long request, long argument) {
    return (int) IOCTL.call(fd, request, argument);
  }

  static int ioctl(int fd, long request, ByteBuffer argument) {
    try {
      return (int) IOCTL.call(fd, request, address(argument));
    } finally {
      Reference.reachabilityFence(argument);
    }
  }

  static int flock(int fd, int operation) {
    return (int) FLOCK.call(fd, operation);
  }

  static int poll(long fds, long count, int timeoutMillis) {
    return (int) POLL.call(fds, count, timeoutMillis);
  }

  static int eventfd(int initial, int flags) {
    return (int) EVENTFD.call(initial, flags);
  }

  static int setns(int fd, int namespaceType) {
    return (int) SETNS.call(fd, namespaceType);
  }

  static int unshare(int flags) {
    return (int) UNSHARE.call(flags);
  }

  static int mount(String source, String target, String type, long flags, String data) {
    var sourceText = text(source);
    var targetText = text(target);
    var typeText = text(type);
    var dataText = text(data);
    try {
      return (int) MOUNT.call(
          address(sourceText), address(targetText), address(typeText), flags, address(dataText));
    } finally {
      Reference.reachabilityFence(sourceText);
      Reference.reachabilityFence(targetText);
      Reference.reachabilityFence(typeText);
      Reference.reachabilityFence(dataText);
    }
  }

  static int umount2(String target, int flags) {
    var text = text(target);
    try {
      return (int) UMOUNT2.call(address(text), flags);
    } finally {
      Reference.reachabilityFence(text);
    }
  }

  static int socket(int domain, int type, int protocol) {
    return (int) SOCKET.call(domain, type, protocol);
  }

  static int bind(int fd, ByteBuffer address) {
    try {
      return (int) BIND.call(fd, address(address), address.remaining());
    } finally {
      Reference.reachabilityFence(address);
    }
  }

  /** Fills what remains of {@code address}. */
  static int getsockname(int fd, ByteBuffer address) {
    var length = number(address.remaining());
    try {
      return (int) GETSOCKNAME.call(fd, address(address), address(length));
    } finally {
      Reference.reachabilityFence(address);
      Reference.reachabilityFence(length);
    }
  }

  static int setsockopt(int fd, int level, int option, int value) {
    var number = number(value);
    try {
      return (int) SETSOCKOPT.call(fd, level, option, address(number), Integer.BYTES);
    } finally {
      Reference.reachabilityFence(number);
    }
  }

  /** Fills what remains of {@code value}. */
  static int getsockopt(int fd, int level, int option, ByteBuffer value) {
    var length = number(value.remaining());
    try {
      return (int) GETSOCKOPT.call(fd, level, option, address(value), address(length));
    } finally {
      Reference.reachabilityFence(value);
      Reference.reachabilityFence(length);
    }
  }

  static int listen(int fd, int backlog) {
    return (int) LISTEN.call(fd, backlog);
  }

  static int connect(int fd, ByteBuffer address) {
    try {
      return (int) CONNECT.call(fd, address(address), address.remaining());
    } finally {
      Reference.reachabilityFence(address);
    }
  }

  static int connect(int fd, long address, int length) {
    return (int) CONNECT.call(fd, address, length);
  }

  static long sendmsg(int fd, long msghdr, int flags) {
    return SENDMSG.call(fd, msghdr, flags);
  }

  static long recvmsg(int fd, long msghdr, int flags) {
    return RECVMSG.call(fd, msghdr, flags);
  }

  static int sendmmsg(int fd, long mmsghdrs, int count, int flags) {
    return (int) SENDMMSG.call(fd, mmsghdrs, count, flags);
  }

  static int recvmmsg(int fd, long mmsghdrs, int count, int flags, long timeout) {
    return (int) RECVMMSG.call(fd, mmsghdrs, count, flags, timeout);
  }

  static int shutdown(int fd, int how) {
    return (int) SHUTDOWN.call(fd, how);
  }

  private static ByteBuffer text(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocateDirect(bytes.length + 1).put(0, bytes);
  }

  private static ByteBuffer number(int value) {
    return ByteBuffer.allocateDirect(Integer.BYTES)
        .order(ByteOrder.nativeOrder())
        .putInt(0, value);
  }
}
