/**
 * The rules of a network in the host's packet filter: {@link io.jaconet.iptables.HostPacketFilter} keeps them, with whichever of
 * iptables and nftables the host uses. What the rules say is decided once, for both address families and all drivers; the words are
 * flannel's. Nothing here routes packets or knows of leases.
 */
package io.jaconet.iptables;
