package io.jaconet.testkit.simulation;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.linux.PeerTable;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.Lease;
import java.util.Optional;
import java.util.regex.Pattern;

/** What a lease of the network says of its holder's VTEP, in the form of flannel's vxlan backend. */
record VtepRecord(IpPrefix subnet, MacAddress mac, IpAddress endpoint) {
  static final String TYPE = "vxlan";

  private static final Pattern MAC = Pattern.compile("\"VtepMAC\":\"([0-9a-f:]{17})\"");

  static String toJson(MacAddress mac) {
    return "{\"VNI\":1,\"VtepMAC\":\"" + mac + "\"}";
  }

  /**
   * Returns the VTEP of {@code peer}, or nothing if it has no subnet of {@code family}.
   *
   * @throws IllegalArgumentException if it does not say how it is reached
   */
  static Optional<VtepRecord> of(Lease peer, IpFamily family) {
    var subnet = peer.subnets().prefix(family);
    if (subnet.isEmpty()) {
      return Optional.empty();
    }
    var endpoint = peer.attributes().publicIp(family);
    var mac = MAC.matcher(peer.attributes().backendData(family).orElse(""));
    checkArgument(endpoint.isPresent() && mac.find(), "no VTEP is published for %s", subnet.get());
    return Optional.of(
        new VtepRecord(subnet.get(), MacAddress.parse(mac.group(1)), endpoint.get()));
  }

  /** Returns what a kernel must know of it. */
  ImmutableList<ForwardingEntry> entries(int link) {
    return ImmutableList.of(
        new ForwardingEntry.Neighbor(link, subnet.base(), mac),
        new ForwardingEntry.Fdb(link, mac, endpoint),
        new ForwardingEntry.Route(
            subnet,
            link,
            subnet.base(),
            true,
            0,
            PeerTable.PROTOCOL,
            subnet.family() == IpFamily.V4 ? 0 : 1024));
  }
}
