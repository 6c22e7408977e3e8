package io.jaconet.vxlan;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpFamily;
import io.jaconet.net.Vni;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.testkit.NamespaceHost;
import java.io.IOException;
import java.util.EnumMap;
import java.util.Map;

/** A host of the contract with the vxlan backend. */
final class KernelHost extends NamespaceHost {
  static final int UNDERLAY_MTU = 1500;

  private final Backend backend;

  KernelHost(NetworkConfig config) throws IOException {
    this(config, UNDERLAY_MTU);
  }

  KernelHost(NetworkConfig config, int underlayMtu) throws IOException {
    super(config, underlayMtu);
    backend = restarted();
  }

  @Override
  public Backend backend() {
    return backend;
  }

  @Override
  public Backend restarted() {
    return new VxlanBackendProvider().create(context());
  }

  /** Returns the context of another node. */
  BackendProvider.Context context(String nodeId) {
    return context(nodeId, config());
  }

  /** Returns the context of a network of another configuration. */
  BackendProvider.Context context(NetworkConfig other) {
    return context("node-1", other);
  }

  @Override
  public Lease peer(int n) {
    return lease(n, n, 10 + n);
  }

  @Override
  public Lease changed(Lease peer) {
    return changed(peer, attributes(99, 99));
  }

  @Override
  public Lease unreachable() {
    var withoutVtep = LeaseAttributes.of(
        "vxlan", endpoints(5), ImmutableMap.of(IpFamily.V4, "{}", IpFamily.V6, "{}"));
    return lease(5, withoutVtep);
  }

  /** Returns a lease of the n-th subnet whose VTEP has MAC and address of the numbers given. */
  Lease lease(int n, int mac, int endpoint) {
    return lease(n, attributes(mac, endpoint));
  }

  private LeaseAttributes attributes(int mac, int endpoint) {
    Map<IpFamily, String> data = new EnumMap<>(IpFamily.class);
    config()
        .families()
        .forEach(
            family -> data.put(family, "{\"VNI\":1,\"VtepMAC\":\"" + mac(family, mac) + "\"}"));
    return LeaseAttributes.of("vxlan", endpoints(endpoint), data);
  }

  private static String mac(IpFamily family, int n) {
    return String.format("02:%02x:00:00:00:%02x", family.bits(), n);
  }

  /** Asks iproute2, which knows nothing of us. */
  @Override
  public boolean reaches(Lease peer) throws IOException {
    boolean reached = true;
    for (IpFamily family : config().families()) {
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
    for (IpFamily family : config().families()) {
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
}
