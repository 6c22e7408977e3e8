package io.jaconet.linux;

import java.io.IOException;

/** A system call that the kernel refused: the call, its errno, and what the kernel said about it. */
public final class SyscallException extends IOException {
  private final String call;
  private final int errno;

  SyscallException(String call, int errno) {
    super(call + ": errno " + errno);
    this.call = call;
    this.errno = errno;
  }

  /** Returns the name of the call. */
  public String call() {
    return call;
  }

  /** Returns the errno. */
  public int errno() {
    return errno;
  }
}
