package io.jaconet.linux;

import io.jaconet.net.IpAddress;

/**
 * An address on a link.
 *
 * @param linkIndex the link
 * @param address the address itself, host bits included
 * @param prefixLength the length of the on-link prefix
 * @param scope the kernel's scope: 0 universe, 253 link, 254 host
 * @param flags the kernel's {@code IFA_F_*} flags
 */
public record LinkAddress(
    int linkIndex, IpAddress address, int prefixLength, int scope, int flags) {}
