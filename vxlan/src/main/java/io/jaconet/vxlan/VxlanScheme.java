package io.jaconet.vxlan;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.jaconet.linux.Link;
import io.jaconet.linux.LinkAddress;
import io.jaconet.linux.LinuxSupport;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.RtNetlink;
import io.jaconet.linux.SyscallException;
import io.jaconet.linux.VxlanLink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.BackendOptions;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Underlay;
import io.jaconet.spi.BackendProvider;
import io.jaconet.udp.Endpoint;
import io.jaconet.udp.Framing;
import io.jaconet.udp.backend.TunnelOptions;
import io.jaconet.udp.backend.TunnelScheme;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The frames of {@link VxlanBackend} from user space. The lease is the same to the last byte, and so is what is on the wire but for one
 * thing: the datagrams of all flows come from the one port that they also go to, where the kernel has a port for each flow (RFC 7348,
 * section 5), so that a network that spreads flows over several paths by their ports does not spread these.
 *
 * <p>One TUN device, {@code flannel.<VNI>}, has the packets of both families, where the kernel has two devices.
 */
final class VxlanScheme implements TunnelScheme {
  private static final Logger log = LoggerFactory.getLogger(VxlanScheme.class);

  private final NetworkConfig config;
  private final VxlanOptions options;
  private final TunnelOptions tunnelOptions;
  private final ImmutableMap<IpFamily, MacAddress> own;

  private VxlanScheme(
      NetworkConfig config,
      VxlanOptions options,
      TunnelOptions tunnelOptions,
      ImmutableMap<IpFamily, MacAddress> own) {
    this.config = config;
    this.options = options;
    this.tunnelOptions = tunnelOptions;
    this.own = own;
  }

  /**
   * Describes the frames of a host.
   *
   * @throws IllegalArgumentException if an option asks for what only the kernel does
   */
  static VxlanScheme of(BackendProvider.Context context, VxlanOptions options) {
    refuse("DirectRouting", options.directRouting());
    refuse("GBP", options.gbp());
    refuse("Learning", options.learning());
    BackendOptions given = context.config().backendOptions();
    var own = Maps.toMap(
        context.config().families(),
        family -> VxlanDevice.stableMac(context.nodeId(), options.deviceName(family)));
    return new VxlanScheme(context.config(), options, TunnelOptions.of(given), own);
  }

  private static void refuse(String option, boolean given) {
    checkArgument(
        !given,
        "Backend.%s: true goes with \"DataPath\": \"kernel\" alone; allowed with \"user\" is false",
        option);
  }

  @Override
  public String device() {
    return options.deviceName(IpFamily.V4);
  }

  @Override
  public int port() {
    return options.effectivePort();
  }

  @Override
  public TunnelOptions options() {
    return tunnelOptions;
  }

  @Override
  public Framing framing() {
    return Framing.vxlan(options.vni(), own);
  }

  @Override
  public int overlayMtu(Underlay underlay) {
    return config.families().stream()
        .mapToInt(family -> options.overlayMtu(underlay, family))
        .min()
        .orElseThrow();
  }

  @Override
  public LeaseAttributes attributes(Underlay underlay) {
    var data = Maps.transformValues(own, mac -> new VtepData(options.vni(), mac).toJson());
    return LeaseAttributes.of("vxlan", underlay.publicIps(), ImmutableMap.copyOf(data));
  }

  @Override
  public IpAddress local(IpFamily family, Underlay underlay, List<LinkAddress> held) {
    return Objects.requireNonNull(VxlanDevice.localAddress(held, family, underlay));
  }

  @Override
  public Endpoint endpoint(Lease peer, IpFamily family) {
    var vtep = RemoteVtep.of(peer, family, options.vni())
        .orElseThrow(() -> new IllegalArgumentException("the lease has no subnet of " + family));
    return new Endpoint(vtep.endpoint(), port(), vtep.mac());
  }

  @Override
  public Object claim(IpFamily family, Endpoint endpoint) {
    return VtepClaim.of(family, Objects.requireNonNull(endpoint.vtep()), own.get(family));
  }

  /** A kernel's device, of a flanneld or of an earlier run, would keep both the name and the port. */
  @Override
  public void makeRoom(NetworkNamespace namespace, RtNetlink netlink) throws IOException {
    for (IpPrefix network : config.networks().values()) {
      for (String name : List.of(device(), options.deviceName(network.family()))) {
        var found = netlink.link(name);
        if (found.isPresent()) {
          replace(netlink, found.get(), network);
        }
      }
    }
  }

  private static void replace(RtNetlink netlink, Link found, IpPrefix network) throws IOException {
    VxlanDevice.requireVxlan(found);
    log.info(
        "{} is a device of the kernel's, {}, and is replaced by one in user space",
        found.name(),
        found.vxlan());
    VxlanDevice.delete(netlink, found, network);
  }

  @Override
  public IOException explain(
      SyscallException refusal, NetworkNamespace namespace, RtNetlink netlink) {
    if (!refusal.call().startsWith("bind(")) {
      return refusal;
    }
    var wanted = new VxlanLink(options.vni(), 0, null, null, port(), false, false, false);
    try {
      return new LinuxSupport(namespace).explain(refusal, device(), wanted, netlink.links());
    } catch (IOException e) {
      refusal.addSuppressed(e);
      return refusal;
    }
  }
}
