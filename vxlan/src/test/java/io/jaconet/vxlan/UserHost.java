package io.jaconet.vxlan;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.Vni;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.Backend;
import io.jaconet.testkit.BackendContract;
import io.jaconet.udp.Endpoint;
import io.jaconet.udp.backend.TunnelBackend;
import java.io.IOException;
import java.util.Optional;

/** A {@link KernelHost} that makes its frames in user space. */
final class UserHost implements BackendContract.Host {
  private static final int PORT = 8472;

  private final KernelHost host;
  private final NetworkConfig config;
  private TunnelBackend latest;

  UserHost(NetworkConfig config) throws IOException {
    this.host = new KernelHost(config);
    this.config = config;
    latest = backend();
    // Duplicate address detection would keep the address from being bound for a while.
    run("ip", "addr", "change", "2001:db8::1/64", "dev", "eth0", "nodad");
  }

  @Override
  public TunnelBackend backend() {
    return (TunnelBackend) host.backend();
  }

  @Override
  public Backend restarted() {
    latest = (TunnelBackend) host.restarted();
    return latest;
  }

  @Override
  public Lease own(Backend.Preparation preparation) {
    return host.own(preparation);
  }

  @Override
  public Lease peer(int n) {
    return host.peer(n);
  }

  @Override
  public Lease changed(Lease peer) {
    return host.changed(peer);
  }

  @Override
  public Lease unreachable() {
    return host.unreachable();
  }

  /** Asks iproute2 whether packets come to the device, and the table where they go from there. */
  @Override
  public boolean reaches(Lease peer) throws IOException {
    boolean reached = true;
    for (IpFamily family : config.families()) {
      var vtep = RemoteVtep.of(peer, family, new Vni(1)).orElseThrow();
      IpAddress inside = vtep.subnet().base().plus(9);
      String route =
          run("ip", family == IpFamily.V4 ? "-4" : "-6", "route", "get", inside.toString());
      var wanted = new Endpoint(vtep.endpoint(), PORT, vtep.mac());
      reached &= route.contains("dev flannel.1 ")
          && latest
              .dataPath()
              .flatMap(path -> path.table().endpoint(inside))
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
    run("ip", "link", "set", "flannel.1", "down");
  }

  String run(String... command) throws IOException {
    return host.run(command);
  }

  KernelHost kernel() {
    return host;
  }

  @Override
  public void close() {
    host.close();
  }
}
