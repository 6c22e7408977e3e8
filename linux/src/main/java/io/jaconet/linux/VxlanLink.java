package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.Vni;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a VXLAN device that its {@code IFLA_INFO_DATA} holds.
 *
 * @param vni the network identifier
 * @param lowerIndex the index of the interface that sends, 0 for any
 * @param local the outer source address, null for any
 * @param group the multicast group or default destination, null for none
 * @param port the UDP destination port
 * @param learning whether the device learns from the source addresses of frames
 * @param gbp whether the group policy extension is on
 * @param l2miss whether the device reports unknown destinations
 */
public record VxlanLink(
    Vni vni,
    int lowerIndex,
    @Nullable IpAddress local,
    @Nullable IpAddress group,
    int port,
    boolean learning,
    boolean gbp,
    boolean l2miss) {

  // Written out, as generated ones cost a JVM that starts 10 ms and more.

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof VxlanLink other
        && vni.equals(other.vni)
        && lowerIndex == other.lowerIndex
        && Objects.equals(local, other.local)
        && Objects.equals(group, other.group)
        && port == other.port
        && learning == other.learning
        && gbp == other.gbp
        && l2miss == other.l2miss;
  }

  @Override
  public int hashCode() {
    return Objects.hash(vni, lowerIndex, local, group, port, learning, gbp, l2miss);
  }
}
