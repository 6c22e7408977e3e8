package io.jaconet.udp;

import static com.google.common.base.Preconditions.checkArgument;

import io.jaconet.net.IpAddress;
import io.jaconet.net.MacAddress;
import org.jspecify.annotations.Nullable;

/**
 * Where a peer receives datagrams.
 *
 * @param address its underlay address
 * @param port its UDP port
 * @param vtep the MAC of its VTEP; null where packets travel without an Ethernet header
 */
public record Endpoint(
    IpAddress address, int port, @Nullable MacAddress vtep) {
  public Endpoint {
    checkArgument(port > 0 && port <= 65_535, "%s is not a UDP port (1..65535)", port);
  }

  /** An endpoint for packets without an Ethernet header. */
  public Endpoint(IpAddress address, int port) {
    this(address, port, null);
  }

  @Override
  public String toString() {
    return address + " port " + port + (vtep == null ? "" : " VTEP " + vtep);
  }
}
