package io.jaconet.overlay;

import io.jaconet.net.IpFamily;

/** What wraps an inner packet on the underlay; all MTU arithmetic is here. */
public enum Encapsulation {
  /** No header at all: routes straight to the peer. */
  NONE(0) {
    @Override
    public int overheadBytes(IpFamily underlay) {
      return 0;
    }
  },
  /** Inner IP packet in UDP (flannel's udp backend): UDP 8. */
  UDP(8),
  /** Inner Ethernet frame in VXLAN (RFC 7348 section 5): UDP 8, VXLAN 8, Ethernet 14. */
  VXLAN(30);

  /** The smallest MTU that an IPv4 link may have (RFC 791 section 3.2). */
  private static final int MIN_V4_MTU = 68;

  /** The smallest MTU that an IPv6 link may have (RFC 8200 section 5). */
  private static final int MIN_V6_MTU = 1280;

  private final int headerBytes;

  Encapsulation(int headerBytes) {
    this.headerBytes = headerBytes;
  }

  /** Returns how many bytes an inner IP packet grows by on an underlay of {@code underlay}: 50 or 70 for VXLAN. */
  public int overheadBytes(IpFamily underlay) {
    return underlay.headerBytes() + headerBytes;
  }

  /** Returns the largest inner IP packet, in bytes, that crosses the underlay unfragmented. */
  public int overlayMtu(int underlayMtu, IpFamily underlay) {
    return underlayMtu - overheadBytes(underlay);
  }

  /** Returns the smallest MTU that a link carrying packets of {@code inner} may have, in bytes: 68 or 1280. */
  public static int minimumMtu(IpFamily inner) {
    return inner == IpFamily.V4 ? MIN_V4_MTU : MIN_V6_MTU;
  }
}
