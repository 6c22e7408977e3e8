package io.jaconet.overlay;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.util.Optional;
import org.immutables.value.Value;

/**
 * How a host finds its underlay interface; flannel's flags {@code iface}, {@code iface-regex}, {@code iface-can-reach},
 * {@code public-ip} and {@code public-ipv6}. Each interface is tried in order, then each pattern, then {@code canReach}; the
 * first that fits wins. With none of the three, the interface that has the public IP is taken, and without a public IP the one
 * of the default route.
 */
@Value.Immutable
public interface UnderlaySelection {

  /** Returns interface names or addresses, first choice first. */
  ImmutableList<String> interfaces();

  /**
   * Returns regular expressions that are searched for, unanchored, in the addresses of the interfaces, then in their names. With
   * both families an interface must match with an address of each. At most 256 characters each; a search that takes too long is
   * given up, and counts as not found.
   */
  ImmutableList<String> interfacePatterns();

  /** Returns an address whose route leads through the wanted interface. */
  Optional<IpAddress> canReach();

  /** Returns the addresses to publish, at most one per family; where absent, the interface's own is published. */
  ImmutableMap<IpFamily, IpAddress> publicIps();

  /** Refuses a public IP under the wrong family, or one that no peer could send to. */
  @Value.Check
  default void check() {
    publicIps()
        .forEach((family, publicIp) -> checkArgument(
            publicIp.family() == family && publicIp.isHostUnicast(),
            "%s is not a unicast %s address that peers could send to",
            publicIp,
            family));
  }

  /** Returns the selection that takes the interface of the default route. */
  static UnderlaySelection defaultRoute() {
    return builder().build();
  }

  /** Returns the selection that takes the interface called {@code name}. */
  static UnderlaySelection ofInterface(String name) {
    return builder().addInterfaces(name).build();
  }

  /** Returns a builder without any choice made. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds an {@link UnderlaySelection}. */
  final class Builder extends ImmutableUnderlaySelection.Builder {
    Builder() {}
  }
}
