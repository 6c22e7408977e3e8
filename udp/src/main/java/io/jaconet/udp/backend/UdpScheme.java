package io.jaconet.udp.backend;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.LinkAddress;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.BackendOptions;
import io.jaconet.overlay.Encapsulation;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Underlay;
import io.jaconet.udp.Endpoint;
import io.jaconet.udp.Framing;
import java.util.List;
import java.util.Objects;

/**
 * flannel's udp backend: a packet is a datagram.
 *
 * @param families those of the network
 * @param port {@code Port}, where this host and every peer listens, default 8285; flannel's only option
 * @param options what is not flannel's
 */
public record UdpScheme(Iterable<IpFamily> families, int port, TunnelOptions options)
    implements TunnelScheme {
  private static final int FLANNEL_PORT = 8285;

  /** Reads the options of the configuration. */
  public static UdpScheme of(NetworkConfig config) {
    BackendOptions options = config.backendOptions();
    options.warnOfUnknown(ImmutableList.<String>builder()
        .add("Port")
        .addAll(TunnelOptions.NAMES)
        .build()
        .toArray(String[]::new));
    return new UdpScheme(
        config.families(),
        options.integer("Port", FLANNEL_PORT, 1, 65_535),
        TunnelOptions.of(options));
  }

  @Override
  public String device() {
    return "flannel%d";
  }

  @Override
  public Framing framing() {
    return Framing.PLAIN;
  }

  @Override
  public int overlayMtu(Underlay underlay) {
    int overlayMtu = Integer.MAX_VALUE;
    int least = 0;
    for (IpFamily family : families) {
      overlayMtu = Math.min(overlayMtu, Encapsulation.UDP.overlayMtu(underlay.mtu(), family));
      least = Math.max(least, Encapsulation.minimumMtu(family));
    }
    checkArgument(
        overlayMtu >= least,
        "the MTU of %s, %s, leaves %s bytes for a packet of the overlay, which needs %s",
        underlay.interfaceName(),
        underlay.mtu(),
        overlayMtu,
        least);
    return overlayMtu;
  }

  @Override
  public LeaseAttributes attributes(Underlay underlay) {
    return LeaseAttributes.of("", underlay.publicIps(), ImmutableMap.of());
  }

  @Override
  public IpAddress local(IpFamily family, Underlay underlay, List<LinkAddress> held) {
    return Objects.requireNonNull(underlay.addresses().get(family));
  }

  @Override
  public Endpoint endpoint(Lease peer, IpFamily family) {
    var address = peer.attributes()
        .publicIp(family)
        .orElseThrow(() -> new IllegalArgumentException(
            "the lease has a subnet of " + family + " but no public IP of it"));
    return new Endpoint(address, port);
  }

  @Override
  public Object claim(IpFamily family, Endpoint endpoint) {
    return endpoint.address();
  }
}
