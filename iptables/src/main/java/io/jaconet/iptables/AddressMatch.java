package io.jaconet.iptables;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;

/** What an address must be: inside {@code prefix}, or outside of it. */
record AddressMatch(IpPrefix prefix, boolean inside) {
  static AddressMatch in(IpPrefix prefix) {
    return new AddressMatch(prefix, true);
  }

  static AddressMatch notIn(IpPrefix prefix) {
    return new AddressMatch(prefix, false);
  }

  boolean matches(IpAddress address) {
    return prefix.contains(address) == inside;
  }
}
