package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedSet;
import com.google.common.collect.Maps;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Underlay;
import io.jaconet.overlay.UnderlaySelection;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Decides which interface is the underlay: flannel's rules, each written once for both families. */
final class UnderlayChoice {
  private final HostInterfaces host;
  private final RouteLookup routes;
  private final UnderlaySelection selection;
  private final ImmutableSortedSet<IpFamily> families;

  UnderlayChoice(
      HostInterfaces host,
      RouteLookup routes,
      UnderlaySelection selection,
      Set<IpFamily> families) {
    checkArgument(!families.isEmpty(), "an underlay needs IPv4, IPv6, or both");
    this.host = host;
    this.routes = routes;
    this.selection = selection;
    this.families = ImmutableSortedSet.copyOf(families);
  }

  /** Asks the kernel which way a packet would take. */
  interface RouteLookup {
    /** Returns the way to {@code destination}; empty if there is none. */
    Optional<Way> to(IpAddress destination) throws IOException;
  }

  /** The first hop of a packet: the interface, and the source address that the kernel would give it if it says so. */
  record Way(int linkIndex, @Nullable IpAddress source) {}

  /** An interface with those of its addresses that the selector already decided. */
  private record Candidate(Link link, ImmutableMap<IpFamily, IpAddress> addresses) {
    Candidate(Link link) {
      this(link, ImmutableMap.of());
    }
  }

  private static final class Refused extends Exception {
    Refused(String reason) {
      super(reason);
    }
  }

  private interface Lookup {
    Candidate find() throws Refused, IOException;
  }

  private record Selector(String name, Lookup lookup) {}

  /**
   * Returns the underlay of the first selector that fits.
   *
   * @throws NoUnderlayException if none does
   * @throws IllegalArgumentException if a pattern is malformed
   */
  Underlay choose() throws IOException {
    var refusals = new ArrayList<String>();
    for (var selector : selectors()) {
      try {
        return complete(selector.lookup().find());
      } catch (Refused e) {
        refusals.add(selector.name() + ": " + e.getMessage());
      }
    }
    throw new NoUnderlayException("no underlay interface for " + join(families) + ". Tried "
        + String.join("; ", refusals) + ". Interfaces here: " + host.describe());
  }

  private ImmutableList<Selector> selectors() {
    var selectors = ImmutableList.<Selector>builder();
    selection.interfaces().forEach(text -> selectors.add(ofInterface(text)));
    selection.interfacePatterns().stream()
        .map(InterfacePattern::compile)
        .forEach(pattern ->
            selectors.add(new Selector("pattern '" + pattern + "'", () -> matching(pattern))));
    selection
        .canReach()
        .ifPresent(
            target -> selectors.add(new Selector("route to " + target, () -> reaching(target))));
    var explicit = selectors.build();
    return explicit.isEmpty() ? ImmutableList.of(implicit()) : explicit;
  }

  private Selector ofInterface(String text) {
    var address = addressOf(text);
    return new Selector(
        "interface '" + text + "'", () -> address == null ? named(text) : having(address));
  }

  private static @Nullable IpAddress addressOf(String text) {
    try {
      return IpAddress.parse(text);
    } catch (IllegalArgumentException notAnAddress) {
      return null;
    }
  }

  private Selector implicit() {
    for (var family : families) {
      var publicIp = selection.publicIps().get(family);
      if (publicIp != null) {
        return new Selector("public IP " + publicIp, () -> havingPublicIp(publicIp));
      }
    }
    return new Selector("default route", this::onDefaultRoute);
  }

  private Candidate named(String name) throws Refused {
    return new Candidate(
        host.link(name).orElseThrow(() -> new Refused("no interface has this name")));
  }

  private Candidate havingPublicIp(IpAddress publicIp) throws Refused {
    if (host.linkWith(publicIp).isEmpty()) {
      throw new Refused(
          "no interface has this address; behind a NAT, choose the interface as well");
    }
    return having(publicIp);
  }

  private Candidate having(IpAddress address) throws Refused {
    if (!families.contains(address.family())) {
      throw new Refused("the network does not use " + address.family());
    }
    var link =
        host.linkWith(address).orElseThrow(() -> new Refused("no interface has this address"));
    var addresses = new EnumMap<IpFamily, IpAddress>(Map.of(address.family(), address));
    var other = address.family().other();
    var publicIp = selection.publicIps().get(other);
    if (families.contains(other) && publicIp != null) {
      var holder = host.linkWith(publicIp);
      if (host.has(link, publicIp)) {
        addresses.put(other, publicIp);
      } else if (holder.isPresent()) {
        throw new Refused("it is on " + link.name() + ", but public IP " + publicIp + " is on "
            + holder.get().name());
      }
    }
    return new Candidate(link, Maps.immutableEnumMap(addresses));
  }

  private Candidate matching(InterfacePattern pattern) throws Refused {
    try {
      for (var link : host.links()) {
        var matches = matchingAddresses(link, pattern);
        if (matches.keySet().equals(families)) {
          return new Candidate(link, matches);
        }
      }
      for (var link : host.links()) {
        if (pattern.occursIn(link.name())) {
          return new Candidate(link);
        }
      }
    } catch (InterfacePattern.TooCostlyException e) {
      throw new Refused(e.reason());
    }
    throw new Refused(
        "found neither in an interface's " + join(families) + " address nor in a name");
  }

  private ImmutableMap<IpFamily, IpAddress> matchingAddresses(Link link, InterfacePattern pattern)
      throws InterfacePattern.TooCostlyException {
    var matches = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    for (var family : families) {
      for (var address : host.usableAddresses(link, family)) {
        if (!matches.containsKey(family) && pattern.occursIn(address.toString())) {
          matches.put(family, address);
        }
      }
    }
    return Maps.immutableEnumMap(matches);
  }

  private Candidate reaching(IpAddress target) throws Refused, IOException {
    var way = routes.to(target).orElseThrow(() -> new Refused("there is no route"));
    var link = host.link(way.linkIndex())
        .orElseThrow(() -> new Refused("the route leads through no interface"));
    if (host.linkWith(target).isPresent()) {
      throw new Refused("that is this host's own address");
    }
    var source = way.source();
    return source != null && families.contains(source.family())
        ? new Candidate(link, ImmutableMap.of(source.family(), source))
        : new Candidate(link);
  }

  private Candidate onDefaultRoute() throws Refused {
    var chosen = defaultRouteLink(families.first());
    var last = defaultRouteLink(families.last());
    if (chosen.index() != last.index()) {
      throw new Refused(
          "IPv4 leaves by " + chosen.name() + ", IPv6 by " + last.name() + "; choose one of them");
    }
    return new Candidate(chosen);
  }

  private Link defaultRouteLink(IpFamily family) throws Refused {
    var index = host.defaultRouteLinks().get(family);
    if (index == null) {
      throw new Refused("there is no " + family + " default route");
    }
    return host.link(index).orElseThrow(() -> new Refused("the route leads through no interface"));
  }

  private Underlay complete(Candidate candidate) throws Refused {
    var link = candidate.link();
    var addresses = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    for (var family : families) {
      var decided = candidate.addresses().get(family);
      var address = decided == null ? preferred(link, family) : decided;
      addresses.put(family, address);
    }
    if (link.mtu() == 0) {
      throw new Refused(link.name() + " has MTU 0");
    }
    var publicIps = new EnumMap<IpFamily, IpAddress>(addresses);
    publicIps.replaceAll((family, address) -> selection.publicIps().getOrDefault(family, address));
    return new Underlay(
        link.name(),
        link.index(),
        link.mtu(),
        Maps.immutableEnumMap(addresses),
        Maps.immutableEnumMap(publicIps),
        host.onLinkPrefixes(link));
  }

  private IpAddress preferred(Link link, IpFamily family) throws Refused {
    var usable = host.usableAddresses(link, family);
    if (usable.isEmpty()) {
      throw new Refused(host.whyNoUsable(link, family));
    }
    return usable.get(0);
  }

  private static String join(Set<IpFamily> families) {
    return String.join(" and ", families.stream().map(IpFamily::toString).toList());
  }
}
