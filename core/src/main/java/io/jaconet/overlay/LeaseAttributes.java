package io.jaconet.overlay;

import com.google.errorprone.annotations.Immutable;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a host publishes with its lease: where it is reached, which backend it runs, and what that backend tells its peers. Backend
 * data is JSON text that only the backend reads.
 */
@Immutable
public final class LeaseAttributes {
  private final @Nullable IpAddress publicIp;
  private final @Nullable IpAddress publicIpv6;
  private final String backendType;
  private final @Nullable String backendData;
  private final @Nullable String backendV6Data;

  LeaseAttributes(
      @Nullable IpAddress publicIp,
      @Nullable IpAddress publicIpv6,
      String backendType,
      @Nullable String backendData,
      @Nullable String backendV6Data) {
    this.publicIp = publicIp;
    this.publicIpv6 = publicIpv6;
    this.backendType = backendType;
    this.backendData = backendData;
    this.backendV6Data = backendV6Data;
  }

  /**
   * Returns the attributes of a host.
   *
   * @param backendType the backend's name in lower case; empty for backends that flannel publishes without one (udp, alloc)
   * @param publicIps the address at which the host is reached, per family
   * @param backendData JSON, per family of the overlay
   * @throws IllegalArgumentException if backend data is no JSON
   */
  public static LeaseAttributes of(
      String backendType, Map<IpFamily, IpAddress> publicIps, Map<IpFamily, String> backendData) {
    return new LeaseAttributes(
        publicIps.get(IpFamily.V4),
        publicIps.get(IpFamily.V6),
        backendType,
        LeaseAttributesJson.compact(backendData.get(IpFamily.V4)),
        LeaseAttributesJson.compact(backendData.get(IpFamily.V6)));
  }

  /**
   * Reads what a host published: flannel's lease value. Unknown members are ignored.
   *
   * @throws IllegalArgumentException if {@code json} is longer than 64 KiB, no JSON object, or has a member of a wrong kind
   */
  public static LeaseAttributes parse(String json) {
    return LeaseAttributesJson.read(json);
  }

  /** Returns flannel's lease value, compact, byte for byte as flanneld writes it. */
  public String toJson() {
    return LeaseAttributesJson.write(this);
  }

  /** Returns the address of {@code family} at which the host is reached, if it published one. */
  public Optional<IpAddress> publicIp(IpFamily family) {
    return Optional.ofNullable(family == IpFamily.V4 ? publicIp : publicIpv6);
  }

  /** Returns the backend's name; empty if none was published. */
  public String backendType() {
    return backendType;
  }

  /** Returns the compact JSON that the backend published for overlay packets of {@code family}, if any. */
  public Optional<String> backendData(IpFamily family) {
    return Optional.ofNullable(family == IpFamily.V4 ? backendData : backendV6Data);
  }

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof LeaseAttributes other
        && Objects.equals(publicIp, other.publicIp)
        && Objects.equals(publicIpv6, other.publicIpv6)
        && backendType.equals(other.backendType)
        && Objects.equals(backendData, other.backendData)
        && Objects.equals(backendV6Data, other.backendV6Data);
  }

  @Override
  public int hashCode() {
    return Objects.hash(publicIp, publicIpv6, backendType, backendData, backendV6Data);
  }

  /** Returns what {@link #toJson} returns. */
  @Override
  public String toString() {
    return toJson();
  }
}
