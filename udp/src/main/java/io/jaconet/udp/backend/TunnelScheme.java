package io.jaconet.udp.backend;

import io.jaconet.linux.LinkAddress;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.RtNetlink;
import io.jaconet.linux.SyscallException;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Underlay;
import io.jaconet.udp.Endpoint;
import io.jaconet.udp.Framing;
import java.io.IOException;
import java.util.List;

/** What one encapsulation does otherwise than another in a {@link TunnelBackend}. */
public interface TunnelScheme {

  /** Returns the name of the TUN device, which one network alone has; {@code %d} in it becomes the first number that is free. */
  String device();

  /** Returns the UDP port of this host. */
  int port();

  /** Returns the options that all schemes have. */
  TunnelOptions options();

  /** Returns what goes before each packet. */
  Framing framing();

  /**
   * Returns the largest packet of the overlay in bytes.
   *
   * @throws IllegalArgumentException if the underlay is too narrow
   */
  int overlayMtu(Underlay underlay);

  /** Returns what to publish. */
  LeaseAttributes attributes(Underlay underlay);

  /**
   * Returns the address to send from and to receive at.
   *
   * @param held the addresses that the host has
   */
  IpAddress local(IpFamily family, Underlay underlay, List<LinkAddress> held);

  /**
   * Returns where packets for the subnet of {@code family} go.
   *
   * @throws IllegalArgumentException if the lease does not say that
   */
  Endpoint endpoint(Lease peer, IpFamily family);

  /**
   * Returns what of an endpoint no other peer may have.
   *
   * @throws IllegalArgumentException if this host has it
   */
  Object claim(IpFamily family, Endpoint endpoint);

  /**
   * Takes out of the device's way what an earlier run of another kind has left.
   *
   * @throws IOException if something is in the way that is not ours
   */
  default void makeRoom(NetworkNamespace namespace, RtNetlink netlink) throws IOException {}

  /** Returns what {@code refusal}, of the device or of a socket, means. */
  default IOException explain(
      SyscallException refusal, NetworkNamespace namespace, RtNetlink netlink) {
    return refusal;
  }
}
