package io.jaconet.linux;

import java.nio.ByteBuffer;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import jnr.ffi.annotations.In;
import jnr.ffi.annotations.Out;
import jnr.ffi.byref.IntByReference;
import org.jspecify.annotations.Nullable;

/**
 * The C library, with the signatures of the man pages (64-bit Linux). Nothing is checked here: a caller looks at the result of
 * each call at once and reads {@link #errno()} before it makes another one on the same thread.
 *
 * <p>Only calls of at most five arguments are possible: jnr-ffi passes a sixth one wrongly on x86-64.
 */
final class LibC {
  static final Calls INSTANCE = LibraryLoader.create(Calls.class).load("c");
  private static final Runtime RUNTIME = Runtime.getRuntime(INSTANCE);

  private LibC() {}

  /** Returns the errno that the last call on this thread left; only meaningful if that call failed. */
  static int errno() {
    return LastError.getLastError(RUNTIME);
  }

  /** Returns where {@code direct} begins in memory; valid while the buffer is reachable. */
  static long address(ByteBuffer direct) {
    return Pointer.wrap(RUNTIME, direct).address();
  }

  /** The functions. Buffers are passed from their position; a {@code long} named like a structure is its address. */
  public interface Calls {
    int open(String path, int flags, int mode);

    int close(int fd);

    long read(int fd, @Out ByteBuffer buffer, long count);

    long write(int fd, @In ByteBuffer buffer, long count);

    long read(int fd, long buffer, long count);

    long writev(int fd, long iovec, int count);

    int ioctl(int fd, long request, long argument);

    int ioctl(int fd, long request, ByteBuffer argument);

    int flock(int fd, int operation);

    int poll(long fds, long count, int timeoutMillis);

    int eventfd(int initial, int flags);

    int gettid();

    int setns(int fd, int namespaceType);

    int unshare(int flags);

    int mount(
        @Nullable String source,
        String target,
        @Nullable String type,
        long flags,
        @Nullable String data);

    int umount2(String target, int flags);

    int socket(int domain, int type, int protocol);

    int bind(int fd, @In ByteBuffer address, int length);

    int getsockname(int fd, @Out ByteBuffer address, IntByReference length);

    int setsockopt(int fd, int level, int option, @In IntByReference value, int length);

    int setsockopt(int fd, int level, int option, @In ByteBuffer value, int length);

    int getsockopt(int fd, int level, int option, @Out IntByReference value, IntByReference length);

    int getsockopt(int fd, int level, int option, @Out ByteBuffer value, IntByReference length);

    int listen(int fd, int backlog);

    int connect(int fd, @In ByteBuffer address, int length);

    int connect(int fd, long address, int length);

    long sendmsg(int fd, long msghdr, int flags);

    long recvmsg(int fd, long msghdr, int flags);

    int sendmmsg(int fd, long mmsghdrs, int count, int flags);

    int recvmmsg(int fd, long mmsghdrs, int count, int flags, long timeout);

    int shutdown(int fd, int how);
  }
}
