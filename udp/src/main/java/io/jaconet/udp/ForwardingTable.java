package io.jaconet.udp;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Which peer has which addresses of the overlay; the longest prefix decides. Immutable. */
public final class ForwardingTable {
  /** A table without peers. */
  public static final ForwardingTable EMPTY = of(ImmutableMap.of());

  static final int NONE = -1;

  private final ImmutableMap<IpPrefix, Endpoint> routes;
  private final Ranges v4;
  private final Ranges v6;
  private final Ranges peersV4;
  private final Ranges peersV6;
  private final Endpoint[] endpoints;
  private final long[] high;
  private final long[] low;
  private final long[] vteps;

  private ForwardingTable(ImmutableMap<IpPrefix, Endpoint> routes) {
    this.routes = routes;
    var sorted = new TreeMap<>(routes);
    endpoints = sorted.values().toArray(Endpoint[]::new);
    high = new long[endpoints.length];
    low = new long[endpoints.length];
    vteps = new long[endpoints.length];
    for (int i = 0; i < endpoints.length; i++) {
      high[i] = endpoints[i].address().highBits();
      low[i] = endpoints[i].address().lowBits();
      var vtep = endpoints[i].vtep();
      vteps[i] = vtep == null ? 0 : vtep.value();
    }
    var prefixes = List.copyOf(sorted.keySet());
    v4 = Ranges.of(prefixes, IpFamily.V4);
    v6 = Ranges.of(prefixes, IpFamily.V6);
    var peers = routes.values().stream()
        .map(endpoint -> IpPrefix.host(endpoint.address()))
        .distinct()
        .sorted()
        .toList();
    peersV4 = Ranges.of(peers, IpFamily.V4);
    peersV6 = Ranges.of(peers, IpFamily.V6);
  }

  /** Returns a table of these routes. */
  public static ForwardingTable of(Map<IpPrefix, Endpoint> routes) {
    return new ForwardingTable(ImmutableMap.copyOf(routes));
  }

  /** Returns the routes. */
  public ImmutableMap<IpPrefix, Endpoint> routes() {
    return routes;
  }

  /** Returns who gets packets for {@code address}. */
  public Optional<Endpoint> endpoint(IpAddress address) {
    int route = find(address.family() == IpFamily.V6, address.highBits(), address.lowBits());
    return route == NONE ? Optional.empty() : Optional.of(endpoints[route]);
  }

  /** Returns the index of the route to an address, {@link #NONE} if there is none. */
  int find(boolean isV6, long addressHigh, long addressLow) {
    return (isV6 ? v6 : v4).find(addressHigh, addressLow);
  }

  /** Returns whether a route leads to this underlay address. */
  boolean leadsTo(int route, boolean isV6, long addressHigh, long addressLow) {
    return high[route] == addressHigh
        && low[route] == addressLow
        && (endpoints[route].address().family() == IpFamily.V6) == isV6;
  }

  /** Returns whether any peer is at this underlay address. */
  boolean hasPeerAt(boolean isV6, long addressHigh, long addressLow) {
    return (isV6 ? peersV6 : peersV4).find(addressHigh, addressLow) != NONE;
  }

  long endpointHigh(int route) {
    return high[route];
  }

  long endpointLow(int route) {
    return low[route];
  }

  int port(int route) {
    return endpoints[route].port();
  }

  /** Returns the MAC of the VTEP, 0 if it has none. */
  long vtep(int route) {
    return vteps[route];
  }

  boolean endpointIsV6(int route) {
    return endpoints[route].address().family() == IpFamily.V6;
  }

  /** The prefixes of one family, cut into disjoint ranges of addresses: each begins where the next of these addresses is. */
  private static final class Ranges {
    private final long[] high;
    private final long[] low;
    private final int[] route;

    private Ranges(List<IpAddress> starts, List<Integer> routes) {
      high = starts.stream().mapToLong(IpAddress::highBits).toArray();
      low = starts.stream().mapToLong(IpAddress::lowBits).toArray();
      route = routes.stream().mapToInt(Integer::intValue).toArray();
    }

    static Ranges of(List<IpPrefix> sorted, IpFamily family) {
      List<IpAddress> starts = new ArrayList<>();
      List<Integer> routes = new ArrayList<>();
      Deque<Integer> open = new ArrayDeque<>();
      begin(starts, routes, IpAddress.unspecified(family), NONE);
      for (int i = 0; i < sorted.size(); i++) {
        if (sorted.get(i).family() == family) {
          while (!open.isEmpty() && !sorted.get(open.element()).contains(sorted.get(i))) {
            endInnermost(sorted, open, starts, routes);
          }
          begin(starts, routes, sorted.get(i).base(), i);
          open.push(i);
        }
      }
      while (!open.isEmpty()) {
        endInnermost(sorted, open, starts, routes);
      }
      return new Ranges(starts, routes);
    }

    private static void endInnermost(
        List<IpPrefix> sorted, Deque<Integer> open, List<IpAddress> starts, List<Integer> routes) {
      IpAddress last = sorted.get(open.pop()).last();
      boolean isVeryLast = last.equals(new IpPrefix(last, 0).last());
      if (!isVeryLast) {
        begin(starts, routes, last.plus(1), open.isEmpty() ? NONE : open.element());
      }
    }

    private static void begin(
        List<IpAddress> starts, List<Integer> routes, IpAddress start, int route) {
      int end = starts.size() - 1;
      if (end >= 0 && starts.get(end).equals(start)) {
        routes.set(end, route);
      } else {
        starts.add(start);
        routes.add(route);
      }
    }

    int find(long addressHigh, long addressLow) {
      int from = 0;
      int to = high.length - 1;
      while (from < to) {
        int middle = (from + to + 1) >>> 1;
        int order = Long.compareUnsigned(high[middle], addressHigh);
        if (order == 0) {
          order = Long.compareUnsigned(low[middle], addressLow);
        }
        if (order <= 0) {
          from = middle;
        } else {
          to = middle - 1;
        }
      }
      return route[from];
    }
  }
}
