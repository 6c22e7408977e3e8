package io.jaconet.overlay;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;

/**
 * The side of a host that carries encapsulated packets.
 *
 * @param interfaceName the interface that sends them
 * @param interfaceIndex its index in the network namespace of the network
 * @param mtu its MTU in bytes
 * @param addresses the interface's address per enabled family
 * @param publicIps the address per enabled family at which peers reach this host; differs from {@code addresses} behind a NAT
 * @param prefixes the on-link prefixes of the interface
 */
public record Underlay(
    String interfaceName,
    int interfaceIndex,
    int mtu,
    ImmutableMap<IpFamily, IpAddress> addresses,
    ImmutableMap<IpFamily, IpAddress> publicIps,
    ImmutableList<IpPrefix> prefixes) {}
