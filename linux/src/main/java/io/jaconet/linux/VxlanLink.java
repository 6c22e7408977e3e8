package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.Vni;
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
    boolean l2miss) {}
