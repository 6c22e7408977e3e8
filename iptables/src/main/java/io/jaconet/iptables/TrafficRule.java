package io.jaconet.iptables;

import io.jaconet.net.IpAddress;
import org.jspecify.annotations.Nullable;

/**
 * One rule, whatever it is written in. All that it asks for must hold.
 *
 * @param source what the source must be, null for anything
 * @param destination what the destination must be, null for anything
 * @param protocol the transport protocol, null for any
 * @param marked whether the packet must bear kube-proxy's mark {@value #MARK}, by which it says that it masquerades the packet itself
 * @param verdict what becomes of the packet
 * @param ports where source ports are taken from, null for anywhere; only with a protocol
 */
record TrafficRule(
    @Nullable AddressMatch source,
    @Nullable AddressMatch destination,
    @Nullable String protocol,
    boolean marked,
    Verdict verdict,
    @Nullable PortRange ports) {
  static final int MARK = 0x4000;

  enum Verdict {
    ACCEPT,
    MASQUERADE,
    RETURN
  }

  static TrafficRule of(
      @Nullable AddressMatch source, @Nullable AddressMatch destination, Verdict verdict) {
    return new TrafficRule(source, destination, null, false, verdict, null);
  }

  static TrafficRule ofMarked() {
    return new TrafficRule(null, null, null, true, Verdict.RETURN, null);
  }

  TrafficRule with(String protocol, PortRange ports) {
    return new TrafficRule(source, destination, protocol, marked, verdict, ports);
  }

  /** Returns whether an unmarked packet meets the rule by its addresses. */
  boolean matches(IpAddress from, IpAddress to) {
    return !marked
        && (source == null || source.matches(from))
        && (destination == null || destination.matches(to));
  }
}
