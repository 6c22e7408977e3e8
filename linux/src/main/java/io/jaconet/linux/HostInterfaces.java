package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.util.Comparator;
import java.util.Optional;

/**
 * The interfaces of a host at one moment, as far as choosing an underlay needs them.
 *
 * @param links the interfaces, in order of their index
 * @param addresses their addresses, in the kernel's order
 * @param defaultRouteLinks per family the interface of the first default route in the main table, absent without one
 */
record HostInterfaces(
    ImmutableList<Link> links,
    ImmutableList<LinkAddress> addresses,
    ImmutableMap<IpFamily, Integer> defaultRouteLinks) {
  private static final int IFA_F_TEMPORARY = 0x01;
  private static final int IFA_F_DADFAILED = 0x08;
  private static final int IFA_F_DEPRECATED = 0x20;
  private static final int IFA_F_PERMANENT = 0x80;

  /** Global before link-local, then permanent before leased, then stable before temporary; otherwise the kernel's order. */
  private static final Comparator<LinkAddress> PREFERENCE =
      Comparator.comparingInt(HostInterfaces::drawbacks);

  private static int drawbacks(LinkAddress address) {
    return (address.address().isLinkLocal() ? 4 : 0)
        + ((address.flags() & IFA_F_PERMANENT) == 0 ? 2 : 0)
        + ((address.flags() & IFA_F_TEMPORARY) != 0 ? 1 : 0);
  }

  HostInterfaces {
    links = ImmutableList.sortedCopyOf(Comparator.comparingInt(Link::index), links);
  }

  Optional<Link> link(int index) {
    return links.stream().filter(link -> link.index() == index).findFirst();
  }

  Optional<Link> link(String name) {
    return links.stream().filter(link -> link.name().equals(name)).findFirst();
  }

  /** Returns the first interface that has {@code address}, usable or not. */
  Optional<Link> linkWith(IpAddress address) {
    return links.stream().filter(link -> has(link, address)).findFirst();
  }

  boolean has(Link link, IpAddress address) {
    return addresses.stream()
        .anyMatch(a -> a.linkIndex() == link.index() && a.address().equals(address));
  }

  /** Returns the addresses that peers could send to, best first. */
  ImmutableList<IpAddress> usableAddresses(Link link, IpFamily family) {
    return ImmutableList.copyOf(addresses.stream()
        .filter(a -> a.linkIndex() == link.index() && a.address().family() == family && isUsable(a))
        .sorted(PREFERENCE)
        .map(LinkAddress::address)
        .toList());
  }

  /** Returns the prefixes whose addresses the interface reaches without a router, of both families. */
  ImmutableList<IpPrefix> onLinkPrefixes(Link link) {
    return ImmutableList.copyOf(addresses.stream()
        .filter(a -> a.linkIndex() == link.index())
        .map(a -> new IpPrefix(a.address(), a.prefixLength()))
        .distinct()
        .toList());
  }

  private static boolean isUsable(LinkAddress address) {
    return address.address().isHostUnicast()
        && (address.flags() & (IFA_F_DEPRECATED | IFA_F_DADFAILED)) == 0;
  }

  /** Returns a word on why {@code link} has no usable address of {@code family}. */
  String whyNoUsable(Link link, IpFamily family) {
    var unusable = addresses.stream()
        .filter(a -> a.linkIndex() == link.index() && a.address().family() == family)
        .map(a -> a.address() + " is " + whyUnusable(a))
        .toList();
    return link.name() + " has no usable " + family + " address"
        + (unusable.isEmpty() ? "" : " (" + String.join(", ", unusable) + ")");
  }

  private static String whyUnusable(LinkAddress address) {
    if ((address.flags() & IFA_F_DEPRECATED) != 0) {
      return "deprecated";
    }
    return (address.flags() & IFA_F_DADFAILED) != 0
        ? "a duplicate"
        : "not a host's unicast address";
  }

  /** Returns what stands here, for an error message. */
  String describe() {
    return links.isEmpty()
        ? "none"
        : String.join("; ", links.stream().map(this::describe).toList());
  }

  private String describe(Link link) {
    var texts = addresses.stream()
        .filter(a -> a.linkIndex() == link.index())
        .map(a -> a.address() + "/" + a.prefixLength() + (isUsable(a) ? "" : " " + whyUnusable(a)))
        .toList();
    return link.name() + " (mtu " + link.mtu() + (link.up() ? "" : ", down") + ", "
        + (texts.isEmpty() ? "no address" : String.join(", ", texts)) + ")";
  }
}
