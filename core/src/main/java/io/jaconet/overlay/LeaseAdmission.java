package io.jaconet.overlay;

import com.google.common.collect.ImmutableSet;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.util.Optional;

/**
 * Decides whether another host's lease may be used. Anyone who can write to the store can publish one, and what it says becomes routes of
 * this host: a lease of the underlay's prefix would cut the host off. Whether two peers claim the same thing is not looked at here.
 * Immutable.
 */
public final class LeaseAdmission {
  /** Backends whose leases carry no type: flannel's udp, alloc and tencent-vpc never write one. */
  private static final ImmutableSet<String> NAMELESS_BACKENDS = ImmutableSet.of("udp", "alloc", "tencent-vpc");

  private final NetworkConfig config;
  private final Subnets own;
  private final Underlay underlay;
  private final String publishedType;

  /** Creates the rules for a host that holds {@code own} and sends from {@code underlay}. */
  public LeaseAdmission(NetworkConfig config, Subnets own, Underlay underlay) {
    this.config = config;
    this.own = own;
    this.underlay = underlay;
    this.publishedType = NAMELESS_BACKENDS.contains(config.backendType()) ? "" : config.backendType();
  }

  /** Returns why {@code lease} must not be used, in words; empty if it may be. Subnets of a family that is not enabled do not matter. */
  public Optional<String> refuse(Lease lease) {
    String type = lease.attributes().backendType();
    if (!type.equals(publishedType)) {
      return Optional.of("runs backend " + (type.isEmpty() ? "udp or another without a name" : type) + ", not " + config.backendType());
    }
    boolean empty = true;
    for (IpFamily family : config.families()) {
      var subnet = lease.subnets().prefix(family);
      if (subnet.isPresent()) {
        var reason = refuseSubnet(subnet.get()).or(() -> refuseEndpoint(lease.attributes(), family));
        if (reason.isPresent()) {
          return reason;
        }
        empty = false;
      }
    }
    return empty ? Optional.of(lease.subnets() + " has no subnet of an enabled family " + config.families()) : Optional.empty();
  }

  private Optional<String> refuseSubnet(IpPrefix subnet) {
    var range = config.range(subnet.family());
    if (!range.network().contains(subnet)) {
      return Optional.of(subnet + " is outside the network " + range.network());
    }
    if (subnet.length() != range.subnetLength()) {
      return Optional.of(subnet + " is not a /" + range.subnetLength() + " as the network's subnets are");
    }
    var mine = own.prefix(subnet.family());
    if (mine.isPresent() && mine.get().overlaps(subnet)) {
      return Optional.of(subnet + " overlaps this host's own subnet " + mine.get());
    }
    for (IpPrefix onLink : underlay.prefixes()) {
      if (onLink.overlaps(subnet) && !range.isCarvedOutOf(onLink)) {
        return Optional.of(subnet + " overlaps the underlay's " + onLink + " on " + underlay.interfaceName());
      }
    }
    return contains(subnet, underlay.addresses().values())
        .or(() -> contains(subnet, underlay.publicIps().values()))
        .map(address -> subnet + " contains this host's address " + address);
  }

  private static Optional<IpAddress> contains(IpPrefix subnet, Iterable<IpAddress> addresses) {
    for (IpAddress address : addresses) {
      if (subnet.contains(address)) {
        return Optional.of(address);
      }
    }
    return Optional.empty();
  }

  private Optional<String> refuseEndpoint(LeaseAttributes attributes, IpFamily family) {
    var published = attributes.publicIp(family);
    if (published.isEmpty()) {
      return Optional.of("publishes no " + family + " address of its host");
    }
    var endpoint = published.get();
    if (!endpoint.isHostUnicast()) {
      return Optional.of("public IP " + endpoint + " is no address of a host");
    }
    if (underlay.addresses().containsValue(endpoint) || underlay.publicIps().containsValue(endpoint)) {
      return Optional.of("public IP " + endpoint + " is this host's own");
    }
    var network = config.range(family).network();
    if (network.contains(endpoint)) {
      return Optional.of("public IP " + endpoint + " is inside the overlay " + network);
    }
    return Optional.empty();
  }
}
