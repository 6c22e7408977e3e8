package io.jaconet.overlay;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;

/**
 * Which tunnel packets a host takes from whom. A packet to one of the tunnel's ports is dropped unless it came in over the underlay
 * interface from the public address of a peer; and one that is forwarded from another interface, as a workload's are, unless it goes
 * into the overlay.
 *
 * @param ports the UDP ports at which tunnel packets arrive
 * @param interfaceName the underlay interface
 * @param networks the overlay's prefix of each enabled family
 * @param peers the public addresses of the leases that are peers now
 */
public record UnderlayGuard(
    ImmutableSet<Integer> ports,
    String interfaceName,
    ImmutableMap<IpFamily, IpPrefix> networks,
    ImmutableSet<IpAddress> peers) {
  public UnderlayGuard {
    checkArgument(!ports.isEmpty(), "a guard needs a port");
    for (int port : ports) {
      checkArgument(port > 0 && port <= 65_535, "port %s is not in 1..65535", port);
    }
  }
}
