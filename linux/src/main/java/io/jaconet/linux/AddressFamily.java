package io.jaconet.linux;

import io.jaconet.net.IpFamily;
import org.jspecify.annotations.Nullable;

/** The kernel's address families. */
final class AddressFamily {
  static final int AF_UNSPEC = 0;
  static final int AF_BRIDGE = 7;
  static final int AF_INET = 2;
  static final int AF_INET6 = 10;

  private AddressFamily() {}

  static int of(IpFamily family) {
    return family == IpFamily.V4 ? AF_INET : AF_INET6;
  }

  /** Returns the IP version of {@code family}, null if it is none. */
  static @Nullable IpFamily toIp(int family) {
    return switch (family) {
      case AF_INET -> IpFamily.V4;
      case AF_INET6 -> IpFamily.V6;
      default -> null;
    };
  }
}
