/**
 * Backends whose data path is in user space: a TUN device and UDP sockets, with {@link io.jaconet.udp.DataPath} in between. For the modules
 * of such backends; what becomes of a packet is not decided here.
 */
package io.jaconet.udp.backend;
