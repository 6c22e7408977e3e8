package io.jaconet.vxlan;

import static com.google.common.base.Preconditions.checkArgument;

import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import org.jspecify.annotations.Nullable;

/** What a peer has for itself: a second peer with the same MAC would take the first one's packets. */
record VtepClaim(IpFamily family, MacAddress mac) {
  /**
   * Returns the claim to {@code mac}.
   *
   * @param own this host's of the family, null if it has none yet
   * @throws IllegalArgumentException if they are the same
   */
  static VtepClaim of(IpFamily family, MacAddress mac, @Nullable MacAddress own) {
    checkArgument(!mac.equals(own), "VtepMAC %s is this host's own", mac);
    return new VtepClaim(family, mac);
  }

  @Override
  public String toString() {
    return family + " VTEP " + mac;
  }
}
