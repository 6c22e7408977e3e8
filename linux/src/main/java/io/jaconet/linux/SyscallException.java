package io.jaconet.linux;

import java.io.IOException;

/** A system call that the kernel refused: the call, its errno, and what the kernel said about it. */
public final class SyscallException extends IOException {
  private final String call;
  private final int errno;
  private final String explanation;

  SyscallException(String call, int errno) {
    this(call, errno, "");
  }

  /** The {@code explanation} is the kernel's own text (extended acknowledgement), empty for none. */
  SyscallException(String call, int errno, String explanation) {
    super(
        call + ": " + Errno.name(errno) + (explanation.isEmpty() ? "" : " (" + explanation + ")"));
    this.call = call;
    this.errno = errno;
    this.explanation = explanation;
  }

  /** Returns {@code result} of a call that just returned on this thread, or throws its errno if it is negative. */
  static int check(String call, int result) throws SyscallException {
    if (result < 0) {
      throw new SyscallException(call, LibC.errno());
    }
    return result;
  }

  /** Returns the name of the call, with what it was about, such as {@code open(/run/netns/h1)}. */
  public String call() {
    return call;
  }

  /** Returns the errno, a positive number. */
  public int errno() {
    return errno;
  }

  /** Returns the kernel's name of the errno, such as {@code ENOENT}. */
  public String errnoName() {
    return Errno.name(errno);
  }

  /** Returns the kernel's text about the refusal, empty if it gave none. */
  public String explanation() {
    return explanation;
  }
}
