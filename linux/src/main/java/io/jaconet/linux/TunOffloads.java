package io.jaconet.linux;

/**
 * What a TUN device takes off our hands.
 *
 * @param header whether packets carry a virtio-net header, so that checksums may be left to the other side
 * @param tcp whether TCP segments may come and go as one packet of up to 64 KiB
 * @param udp whether UDP datagrams of one flow may, too (kernel 6.2 and later)
 */
public record TunOffloads(boolean header, boolean tcp, boolean udp) {}
