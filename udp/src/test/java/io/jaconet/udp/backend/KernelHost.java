package io.jaconet.udp.backend;

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
import io.jaconet.testkit.BackendContract;
import io.jaconet.udp.Endpoint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/** A host of the contract in a network namespace of its own, with an underlay interface {@code eth0}. */
final class KernelHost implements BackendContract.Host {
  private final NetworkNamespace namespace;
  private final NetworkConfig config;
  private final TunnelBackend backend;
  private TunnelBackend latest;

  KernelHost(NetworkConfig config) throws IOException {
    this.config = config;
    namespace = NetworkNamespace.createAnonymous();
    try (var netlink = namespace.call(RtNetlink::open)) {
      int eth0 = netlink.createVeth("eth0", "wire").index();
      netlink.addAddress(eth0, IpAddress.parse("192.0.2.1"), 24);
      netlink.addAddress(eth0, IpAddress.parse("2001:db8::1"), 64);
      netlink.setUp(netlink.link("wire").orElseThrow().index());
      netlink.setUp(eth0);
    }
    // Duplicate address detection would keep the address from being bound for a while.
    run("ip", "addr", "change", "2001:db8::1/64", "dev", "eth0", "nodad");
    backend = create();
    latest = backend;
  }

  @Override
  public TunnelBackend backend() {
    return backend;
  }

  @Override
  public Backend restarted() {
    latest = create();
    return latest;
  }

  private TunnelBackend create() {
    return new TunnelBackend(context(), UdpScheme.of(config));
  }

  private BackendProvider.Context context() {
    return new BackendProvider.Context(
        "test",
        "node-1",
        config,
        UnderlaySelection.ofInterface("eth0"),
        Path.of("/proc/self/fd", Integer.toString(namespace.fd())));
  }

  @Override
  public Lease own(Backend.Preparation preparation) {
    return new Lease(subnets(0), preparation.attributes(), "node-1", 1, 1);
  }

  private Subnets subnets(int n) {
    var v4 = IpPrefix.parse("10.244." + n + ".0/24");
    var v6 = IpPrefix.parse("fd00:244:0:" + n + "::/64");
    if (config.families().size() == 2) {
      return Subnets.of(v4, v6);
    }
    return Subnets.of(config.families().contains(IpFamily.V4) ? v4 : v6);
  }

  @Override
  public Lease peer(int n) {
    return lease(n, 10 + n);
  }

  @Override
  public Lease changed(Lease peer) {
    return new Lease(
        peer.subnets(), attributes(99), peer.holder(), peer.created(), peer.revision() + 1);
  }

  @Override
  public Lease unreachable() {
    var attributes = LeaseAttributes.of("", ImmutableMap.of(), ImmutableMap.of());
    return new Lease(subnets(5), attributes, "node-5", 5, 5);
  }

  /** Returns a lease of the n-th subnet, held by the host with the number {@code endpoint}. */
  Lease lease(int n, int endpoint) {
    return new Lease(subnets(n), attributes(endpoint), "node-" + n, n, n);
  }

  private static LeaseAttributes attributes(int endpoint) {
    return LeaseAttributes.of(
        "",
        ImmutableMap.of(
            IpFamily.V4, IpAddress.parse("192.0.2." + endpoint),
            IpFamily.V6, IpAddress.parse("2001:db8::" + endpoint)),
        ImmutableMap.of());
  }

  /** Asks iproute2 whether packets come to the device, and the table where they go from there. */
  @Override
  public boolean reaches(Lease peer) throws IOException {
    var dataPath = latest.dataPath();
    boolean reached = dataPath.isPresent();
    for (IpFamily family : config.families()) {
      IpAddress inside = peer.subnets().prefix(family).orElseThrow().base().plus(9);
      String route =
          run("ip", family == IpFamily.V4 ? "-4" : "-6", "route", "get", inside.toString());
      reached &= route.contains("dev flannel0 ");
      var wanted = new Endpoint(peer.attributes().publicIp(family).orElseThrow(), 8285);
      reached &= dataPath
          .map(path -> path.table().endpoint(inside))
          .orElse(Optional.empty())
          .equals(Optional.of(wanted));
    }
    return reached;
  }

  @Override
  public boolean flowsWithoutProcess() {
    return false;
  }

  @Override
  public void damage(Lease peer) throws IOException {
    run("ip", "link", "set", "flannel0", "down");
  }

  /** Runs a program in the namespace and returns what it printed, errors included. */
  String run(String... command) throws IOException {
    var process = namespace.start(new ProcessBuilder(command).redirectErrorStream(true));
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    namespace.close();
  }
}
