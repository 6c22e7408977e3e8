package io.jaconet.linux;

import io.jaconet.net.MacAddress;
import org.jspecify.annotations.Nullable;

/**
 * A network interface as the kernel reports it.
 *
 * @param index the interface index
 * @param name the name
 * @param kind the kind of a virtual link, such as {@code vxlan}; null for others
 * @param mac the Ethernet address; null where a link has none
 * @param mtu the MTU in bytes
 * @param up whether it is administratively up
 * @param lowerIndex the index of the link it stands on, 0 for none
 * @param vxlan the VXLAN settings if {@code kind} is vxlan, else null
 */
public record Link(
    int index,
    String name,
    @Nullable String kind,
    @Nullable MacAddress mac,
    int mtu,
    boolean up,
    int lowerIndex,
    @Nullable VxlanLink vxlan) {}
