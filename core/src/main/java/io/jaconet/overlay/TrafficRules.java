package io.jaconet.overlay;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;

/**
 * What the packet filter of a host shall do for a network, on both families alike.
 *
 * @param networks the overlay's prefix of each enabled family
 * @param own the subnets of this host
 * @param masquerade whether packets that leave the overlay get the host's address
 * @param forward whether packets from and to the overlay are accepted in the forward chain
 * @param blackHole whether packets to an unassigned address of the own subnet are dropped rather than routed away
 */
public record TrafficRules(
    ImmutableMap<IpFamily, IpPrefix> networks,
    Subnets own,
    boolean masquerade,
    boolean forward,
    boolean blackHole) {}
