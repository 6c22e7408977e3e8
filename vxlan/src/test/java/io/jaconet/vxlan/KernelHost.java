package io.jaconet.vxlan;

import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.RtNetlink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.Vni;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.testkit.BackendContract;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/** A host of the contract in a network namespace of its own, with an underlay interface {@code eth0}. */
final class KernelHost implements BackendContract.Host {
  static final int UNDERLAY_MTU = 1500;

  private final NetworkNamespace namespace;
  private final NetworkConfig config;
  private final Backend backend;

  KernelHost(NetworkConfig config) throws IOException {
    this(config, UNDERLAY_MTU);
  }

  KernelHost(NetworkConfig config, int underlayMtu) throws IOException {
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
    backend = restarted();
  }

  NetworkNamespace namespace() {
    return namespace;
  }

  @Override
  public Backend backend() {
    return backend;
  }

  @Override
  public Backend restarted() {
    return new VxlanBackendProvider().create(context("node-1"));
  }

  BackendProvider.Context context(String nodeId) {
    return context(nodeId, config);
  }

  /** Returns the context of a network of another configuration. */
  BackendProvider.Context context(NetworkConfig other) {
    return context("node-1", other);
  }

  private BackendProvider.Context context(String nodeId, NetworkConfig config) {
    return new BackendProvider.Context(
        "test", nodeId, config, UnderlaySelection.ofInterface("eth0"), path());
  }

  Path path() {
    return Path.of("/proc/self/fd", Integer.toString(namespace.fd()));
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
    return lease(n, n, 10 + n);
  }

  @Override
  public Lease changed(Lease peer) {
    return new Lease(
        peer.subnets(), attributes(99, 99), peer.holder(), peer.created(), peer.revision() + 1);
  }

  @Override
  public Lease unreachable() {
    var attributes = LeaseAttributes.of(
        "vxlan", endpoints(5), ImmutableMap.of(IpFamily.V4, "{}", IpFamily.V6, "{}"));
    return new Lease(subnets(5), attributes, "node-5", 5, 5);
  }

  /** Returns a lease of the n-th subnet whose VTEP has MAC and address of the numbers given. */
  Lease lease(int n, int mac, int endpoint) {
    return new Lease(subnets(n), attributes(mac, endpoint), "node-" + n, n, n);
  }

  private LeaseAttributes attributes(int mac, int endpoint) {
    Map<IpFamily, String> data = new EnumMap<>(IpFamily.class);
    config
        .families()
        .forEach(
            family -> data.put(family, "{\"VNI\":1,\"VtepMAC\":\"" + mac(family, mac) + "\"}"));
    return LeaseAttributes.of("vxlan", endpoints(endpoint), data);
  }

  private static String mac(IpFamily family, int n) {
    return String.format("02:%02x:00:00:00:%02x", family.bits(), n);
  }

  private static ImmutableMap<IpFamily, IpAddress> endpoints(int n) {
    return ImmutableMap.of(
        IpFamily.V4, IpAddress.parse("192.0.2." + n),
        IpFamily.V6, IpAddress.parse("2001:db8::" + n));
  }

  /** Asks iproute2, which knows nothing of us. */
  @Override
  public boolean reaches(Lease peer) throws IOException {
    boolean reached = true;
    for (IpFamily family : config.families()) {
      String device = device(family);
      var vtep = RemoteVtep.of(peer, family, new Vni(1)).orElseThrow();
      String option = family == IpFamily.V4 ? "-4" : "-6";
      reached &= run("ip", option, "neigh", "show", "dev", device)
          .contains(vtep.subnet().base() + " lladdr " + vtep.mac() + " PERMANENT");
      reached &= run("bridge", "fdb", "show", "dev", device)
          .contains(vtep.mac() + " dst " + vtep.endpoint() + " ");
      String inside = vtep.subnet().base().plus(9).toString();
      String route = run("ip", option, "route", "get", inside);
      reached &= route.contains("via " + vtep.subnet().base() + " ")
          && route.contains("dev " + device + " ");
    }
    return reached;
  }

  @Override
  public void damage(Lease peer) throws IOException {
    for (IpFamily family : config.families()) {
      run(
          "ip",
          family == IpFamily.V4 ? "-4" : "-6",
          "route",
          "del",
          peer.subnets().prefix(family).orElseThrow().toString());
    }
  }

  private static String device(IpFamily family) {
    return family == IpFamily.V4 ? "flannel.1" : "flannel-v6.1";
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
