package io.jaconet.testkit;

import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.RtNetlink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * What a host of the {@link BackendContract} needs besides its backend: a network namespace of its own with the interface {@code eth0}, which
 * has 192.0.2.1/24 and 2001:db8::1/64 and leads nowhere, and leases of subnets of 10.244.0.0/16 and fd00:244::/48.
 */
public abstract class NamespaceHost implements BackendContract.Host {
  private static final String NODE = "node-1";

  private final NetworkNamespace namespace;
  private final NetworkConfig config;

  /**
   * Makes the namespace.
   *
   * @param config the network, with one or both of the prefixes above
   * @param underlayMtu the MTU of {@code eth0}, in bytes
   */
  protected NamespaceHost(NetworkConfig config, int underlayMtu) throws IOException {
    this.config = config;
    namespace = NetworkNamespace.createAnonymous();
    try (var netlink = namespace.call(RtNetlink::open)) {
      int eth0 = netlink.createVeth("eth0", "wire").index();
      netlink.setMtu(eth0, underlayMtu);
      netlink.addAddress(eth0, IpAddress.parse("192.0.2.1"), 24);
      netlink.addAddress(eth0, IpAddress.parse("2001:db8::1"), 64);
      netlink.setUp(netlink.link("wire").orElseThrow().index());
      netlink.setUp(eth0);
    }
    // Duplicate address detection would keep the address from being bound for a while.
    run("ip", "addr", "change", "2001:db8::1/64", "dev", "eth0", "nodad");
  }

  /** Returns the namespace, which {@link #close} closes. */
  public final NetworkNamespace namespace() {
    return namespace;
  }

  /** Returns the network. */
  public final NetworkConfig config() {
    return config;
  }

  /** Returns the file that stands for the namespace. */
  public final Path path() {
    return Path.of("/proc/self/fd", Integer.toString(namespace.fd()));
  }

  /** Returns what a backend of the host is made from. */
  public final BackendProvider.Context context() {
    return context(NODE, config);
  }

  /** Returns what a backend of another node or another network is made from, in the same namespace. */
  public final BackendProvider.Context context(String nodeId, NetworkConfig config) {
    return new BackendProvider.Context(
        "test", nodeId, config, UnderlaySelection.ofInterface("eth0"), path());
  }

  @Override
  public final Lease own(Backend.Preparation preparation) {
    return new Lease(subnets(0), preparation.attributes(), NODE, 1, 1);
  }

  /** Returns the n-th lease, with {@code attributes}. */
  public final Lease lease(int n, LeaseAttributes attributes) {
    return new Lease(subnets(n), attributes, "node-" + n, n, n);
  }

  private Subnets subnets(int n) {
    var v4 = IpPrefix.parse("10.244." + n + ".0/24");
    var v6 = IpPrefix.parse("fd00:244:0:" + n + "::/64");
    if (config.families().size() == 2) {
      return Subnets.of(v4, v6);
    }
    return Subnets.of(config.families().contains(IpFamily.V4) ? v4 : v6);
  }

  /** Returns {@code lease} as its holder would publish it with {@code attributes}. */
  public final Lease changed(Lease lease, LeaseAttributes attributes) {
    return new Lease(
        lease.subnets(), attributes, lease.holder(), lease.created(), lease.revision() + 1);
  }

  /** Returns the underlay addresses of the n-th host, of both families. */
  public static ImmutableMap<IpFamily, IpAddress> endpoints(int n) {
    return ImmutableMap.of(
        IpFamily.V4, IpAddress.parse("192.0.2." + n),
        IpFamily.V6, IpAddress.parse("2001:db8::" + n));
  }

  /** Runs a program in the namespace and returns what it printed, errors included. */
  public final String run(String... command) throws IOException {
    var process = namespace.start(new ProcessBuilder(command).redirectErrorStream(true));
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    namespace.close();
  }
}
