package io.jaconet.udp;

import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.udp.backend.TunnelBackend;
import io.jaconet.udp.backend.UdpScheme;

/**
 * Makes {@code udp} backends, which reach flannel's and each other.
 *
 * <p>Options of the configuration's {@code Backend} object: {@code Port} (UDP, default 8285), as flannel has it, and {@code SourceCheck}:
 * {@code strict} (default: a packet is taken only from the holder of its source's subnet), {@code loose} (from any peer) or {@code off} (from
 * anybody, as flannel does).
 *
 * <p>Needs {@code /dev/net/tun} and the capability CAP_NET_ADMIN in the network namespace. Packets flow only while the process lives.
 */
public final class UdpBackendProvider implements BackendProvider {

  /** For {@link java.util.ServiceLoader}. */
  public UdpBackendProvider() {}

  @Override
  public String type() {
    return "udp";
  }

  @Override
  public Backend create(Context context) {
    return new TunnelBackend(context, UdpScheme.of(context.config()));
  }
}
