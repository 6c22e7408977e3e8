package io.jaconet.iptables;

import static com.google.common.base.Preconditions.checkArgument;

/** Ports from {@code first} to {@code last}, both included. */
public record PortRange(int first, int last) {
  public PortRange {
    checkArgument(
        first >= 1 && first <= last && last <= 65_535,
        "%s-%s is not a range within 1 to 65535",
        first,
        last);
  }

  @Override
  public String toString() {
    return first + "-" + last;
  }
}
