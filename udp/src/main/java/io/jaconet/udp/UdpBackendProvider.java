package io.jaconet.udp;

import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.udp.backend.TunnelBackend;
import io.jaconet.udp.backend.UdpScheme;

/**
 * Makes {@code udp} backends, which reach flannel's and each other.
 *
 * <p>Options of the configuration's {@code Backend} object: {@code Port} (UDP, default 8285), as flannel has it, and what every data path in
 * user space has:
 *
 * <ul>
 *   <li>{@code SourceCheck}: {@code strict} (default: a packet is taken only from the holder of its source's subnet), {@code loose} (from any
 *       peer) or {@code off} (from anybody, as flannel does)
 *   <li>{@code Workers}: how many threads each direction has, 1 to 16; default 0: half as many as there are processors, at most 8. All
 *       packets of a flow go by the same thread, and all from a host that sends from one port, as this backend does, come by the same.
 *   <li>{@code BusyPoll}: how long, in microseconds up to 10000, a thread asks for packets again and again before it sleeps: less delay for
 *       more work of the processor; default 0
 * </ul>
 *
 * <p>{@link Backend#status} has as features: {@code dataPath} ({@code user}), {@code device}, {@code workers}; of the TUN device {@code
 * tunHeader} (checksums may be left to the other side), {@code tunTcp} and {@code tunUdp} (what belongs together comes and goes in one piece);
 * of the sockets {@code socketCuts} and {@code socketJoins} (the kernel cuts and joins datagrams). Its counters are those of {@link
 * PacketCounter}.
 *
 * <p>Datagrams forbid routers to fragment them. If ICMP says that a path is narrower than the overlay's MTU asks for, senders in the overlay
 * are told, and what may be fragmented is.
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
