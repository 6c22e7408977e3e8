package io.jaconet.udp.backend;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.Backend;
import io.jaconet.testkit.NamespaceHost;
import io.jaconet.udp.Endpoint;
import java.io.IOException;
import java.util.Optional;

/** A host of the contract with the udp backend. */
final class KernelHost extends NamespaceHost {
  private static final int UNDERLAY_MTU = 1500;

  private final TunnelBackend backend;
  private TunnelBackend latest;

  KernelHost(NetworkConfig config) throws IOException {
    super(config, UNDERLAY_MTU);
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
    return new TunnelBackend(context(), UdpScheme.of(config()));
  }

  @Override
  public Lease peer(int n) {
    return lease(n, 10 + n);
  }

  @Override
  public Lease changed(Lease peer) {
    return changed(peer, attributes(99));
  }

  @Override
  public Lease unreachable() {
    return lease(5, LeaseAttributes.of("", ImmutableMap.of(), ImmutableMap.of()));
  }

  /** Returns a lease of the n-th subnet, held by the host with the number {@code endpoint}. */
  Lease lease(int n, int endpoint) {
    return lease(n, attributes(endpoint));
  }

  private static LeaseAttributes attributes(int endpoint) {
    return LeaseAttributes.of("", endpoints(endpoint), ImmutableMap.of());
  }

  /** Asks iproute2 whether packets come to the device, and the table where they go from there. */
  @Override
  public boolean reaches(Lease peer) throws IOException {
    var dataPath = latest.dataPath();
    boolean reached = dataPath.isPresent();
    for (IpFamily family : config().families()) {
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
}
