package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import org.jspecify.annotations.Nullable;

/**
 * A route as the kernel reports it, whoever made it.
 *
 * @param destination the prefix
 * @param table the routing table; 254 is main, 255 local
 * @param type the kernel's {@code RTN_*}: 1 unicast, 2 local, 3 broadcast, 6 blackhole, 7 unreachable, 8 prohibit
 * @param scope the kernel's scope: 0 universe, 253 link, 254 host
 * @param protocol who made the route, the kernel's {@code RTPROT_*}
 * @param metric the priority, lower wins
 * @param preferredSource the source address for packets of this host, null if left to the kernel
 * @param nexthopId the nexthop object that decides the hops, 0 for none
 * @param hops where packets go: none for a route that drops them, several for a multipath route
 */
public record KernelRoute(
    IpPrefix destination,
    int table,
    int type,
    int scope,
    int protocol,
    int metric,
    @Nullable IpAddress preferredSource,
    int nexthopId,
    ImmutableList<Hop> hops) {

  /**
   * One way out.
   *
   * @param linkIndex the link, 0 if the kernel does not say
   * @param gateway the next router, of either family; null if the destination is on the link
   * @param onlink whether the gateway counts as on-link whatever the addresses say
   */
  public record Hop(int linkIndex, @Nullable IpAddress gateway, boolean onlink) {}

  /** Returns whether packets leave by exactly one link and without a gateway. */
  public boolean isDirect() {
    return hops.size() == 1 && hops.get(0).gateway() == null;
  }
}
