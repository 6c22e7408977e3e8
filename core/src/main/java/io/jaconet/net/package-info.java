/**
 * Addresses as values: IP addresses and prefixes of either family, MAC addresses, VXLAN network identifiers. Nothing here
 * knows an overlay or an operating system.
 */
@NullMarked
package io.jaconet.net;

import org.jspecify.annotations.NullMarked;
