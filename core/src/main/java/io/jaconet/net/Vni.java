package io.jaconet.net;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.errorprone.annotations.Immutable;
import org.jspecify.annotations.Nullable;

/** A VXLAN network identifier: 24 bits, RFC 7348 section 5. */
@Immutable
public record Vni(int value) {
  public Vni {
    checkArgument(value >= 0 && value < 1 << 24, "VNI %s does not fit in 24 bits", value);
  }

  // Written out, as generated ones cost a JVM that starts 10 ms and more.

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof Vni other && value == other.value;
  }

  @Override
  public int hashCode() {
    return value;
  }

  @Override
  public String toString() {
    return Integer.toString(value);
  }
}
