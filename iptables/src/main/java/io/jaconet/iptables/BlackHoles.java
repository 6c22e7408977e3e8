package io.jaconet.iptables;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.KernelRoute;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.PeerTable;
import io.jaconet.linux.RtNetlink;
import io.jaconet.net.IpPrefix;
import java.io.IOException;

/**
 * Routes that drop packets to addresses of the own subnet that nobody has, which else went out by the default route. Ours bear an own
 * protocol number, and a metric so high that the route of a bridge for the same subnet wins.
 */
final class BlackHoles {
  private static final int METRIC = Integer.MAX_VALUE;

  private final NetworkNamespace namespace;

  BlackHoles(NetworkNamespace namespace) {
    this.namespace = namespace;
  }

  /** Makes the prefixes of our routes be {@code wanted}, except where others have such a route, and returns what differed. */
  ImmutableList<String> ensure(ImmutableSet<IpPrefix> wanted) throws IOException {
    var mended = ImmutableList.<String>builder();
    try (var netlink = namespace.call(RtNetlink::open)) {
      var there = netlink.blackHoles();
      var covered = there.stream().map(KernelRoute::destination).collect(toImmutableSet());
      for (var route : there) {
        if (isOurs(route) && !wanted.contains(route.destination())) {
          netlink.removeBlackHole(route.destination(), route.protocol(), route.metric());
          mended.add("blackhole route " + route.destination() + " was there");
        }
      }
      for (var prefix : wanted) {
        if (!covered.contains(prefix)) {
          netlink.addBlackHole(prefix, PeerTable.PROTOCOL, METRIC);
          mended.add("blackhole route " + prefix + " was missing");
        }
      }
    }
    return mended.build();
  }

  private static boolean isOurs(KernelRoute route) {
    return route.protocol() == PeerTable.PROTOCOL && route.metric() == METRIC;
  }
}
