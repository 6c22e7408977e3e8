package io.jaconet.linux;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Underlay;
import io.jaconet.overlay.UnderlaySelection;
import java.io.IOException;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Finds the underlay interface of a host, by the rules that flannel has for its flags. On an interface, a global address is
 * preferred to a link-local one, then a permanent one, then one that is not temporary; deprecated ones are not taken.
 *
 * <p>Confined to the thread of its {@link RtNetlink}.
 */
public final class UnderlaySelector {
  private static final int RTN_UNICAST = 1;

  private final RtNetlink kernel;

  /** Creates a selector for the network namespace of {@code kernel}, which stays the caller's to close. */
  public UnderlaySelector(RtNetlink kernel) {
    this.kernel = Objects.requireNonNull(kernel);
  }

  /**
   * Returns the underlay as it is now.
   *
   * @param families the families that the network uses, at least one; the underlay has an address of each
   * @throws NoUnderlayException if no interface fits; says what was tried, why each failed, and which interfaces there are
   * @throws IOException if the kernel cannot be asked
   * @throws IllegalArgumentException if a pattern is not a regular expression, or an excessive one
   */
  public Underlay select(UnderlaySelection selection, Set<IpFamily> families) throws IOException {
    var host = new HostInterfaces(
        kernel.links(), kernel.addresses(), defaultRouteLinks(kernel.defaultRoutes()));
    return new UnderlayChoice(host, this::way, selection, families).choose();
  }

  /** The kernel takes the route of the lowest metric, and of equal ones the first. */
  static ImmutableMap<IpFamily, Integer> defaultRouteLinks(List<KernelRoute> routes) {
    var links = new EnumMap<IpFamily, Integer>(IpFamily.class);
    routes.stream()
        .filter(route -> route.type() == RTN_UNICAST && !route.hops().isEmpty())
        .sorted(Comparator.comparing(KernelRoute::metric, Integer::compareUnsigned))
        .forEach(route ->
            links.putIfAbsent(route.destination().family(), route.hops().get(0).linkIndex()));
    return Maps.immutableEnumMap(links);
  }

  private Optional<UnderlayChoice.Way> way(IpAddress destination) throws IOException {
    try {
      return kernel
          .routeTo(destination)
          .filter(route -> !route.hops().isEmpty())
          .map(route ->
              new UnderlayChoice.Way(route.hops().get(0).linkIndex(), route.preferredSource()));
    } catch (SyscallException e) {
      // What the kernel answers where a prohibit or a blackhole route decides.
      if (e.errno() == Errno.EACCES || e.errno() == Errno.EINVAL) {
        return Optional.empty();
      }
      throw e;
    }
  }
}
