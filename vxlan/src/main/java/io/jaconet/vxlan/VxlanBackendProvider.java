package io.jaconet.vxlan;

import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.udp.backend.TunnelBackend;

/**
 * Makes {@code vxlan} backends.
 *
 * <p>Options of the configuration's {@code Backend} object, as flannel has them: {@code VNI} (0 to 16777215, default 1), {@code Port} (UDP,
 * default 0: 8472), {@code MTU} (of the underlay, in bytes, default 0: that of the interface), {@code GBP}, {@code Learning},
 * {@code DirectRouting} (default false). Beyond flannel's: {@code DataPath}, {@code kernel} (default) or {@code user}.
 *
 * <p>Needs Linux 4.20 or later with VXLAN and the capability CAP_NET_ADMIN in the network namespace; from kernel 5.3 on, programming time
 * grows linearly with the number of peers.
 *
 * <p>With {@code "DataPath": "user"} the frames are made by the data path of {@link io.jaconet.udp} and no VXLAN is needed in the kernel but
 * {@code /dev/net/tun}. The lease is the same, so that peers, flanneld's too, cannot tell; hosts of both kinds may be in one network. The
 * options {@code SourceCheck}, {@code Workers} and {@code BusyPoll} and the status are those of {@link io.jaconet.udp.UdpBackendProvider};
 * {@code DirectRouting}, {@code GBP} and {@code Learning} remain false. What else differs:
 *
 * <ul>
 *   <li>Packets flow only while the process lives.
 *   <li>One TUN device has the packets of both families. A kernel's device of its name is removed, and made anew by the next run with {@code
 *       kernel}.
 *   <li>All datagrams come from the port that they go to, where the kernel has a port for each flow (RFC 7348 section 5): a network that
 *       spreads flows over several paths by their ports does not spread these.
 *   <li>Datagrams forbid routers to fragment them, and senders in the overlay are told of a narrower path.
 *   <li>A packet is taken only from the holder of its source's subnet, unless {@code SourceCheck} says otherwise.
 * </ul>
 */
public final class VxlanBackendProvider implements BackendProvider {

  /** For {@link java.util.ServiceLoader}. */
  public VxlanBackendProvider() {}

  @Override
  public String type() {
    return "vxlan";
  }

  @Override
  public Backend create(Context context) {
    var options = VxlanOptions.of(context.config());
    return switch (options.dataPath()) {
      case KERNEL -> new VxlanBackend(context, options);
      case USER -> new TunnelBackend(context, VxlanScheme.of(context, options));
    };
  }
}
