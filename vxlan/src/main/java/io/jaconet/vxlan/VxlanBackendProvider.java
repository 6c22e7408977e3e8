package io.jaconet.vxlan;

import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.udp.backend.TunnelBackend;

/**
 * Makes {@code vxlan} backends.
 *
 * <p>Options of the configuration's {@code Backend} object, as flannel has them: {@code VNI} (0 to 16777215, default 1), {@code Port} (UDP,
 * default 0: 8472), {@code MTU} (of the underlay, in bytes, default 0: that of the interface), {@code GBP}, {@code Learning},
 * {@code DirectRouting} (default false).
 *
 * <p>Needs Linux 4.20 or later with VXLAN and the capability CAP_NET_ADMIN in the network namespace; from kernel 5.3 on, programming time
 * grows linearly with the number of peers.
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
