package io.jaconet.udp;

import static com.google.common.base.Preconditions.checkArgument;

import io.jaconet.net.IpAddress;

/**
 * Where a peer receives datagrams.
 *
 * @param address its underlay address
 * @param port its UDP port
 */
public record Endpoint(IpAddress address, int port) {
  public Endpoint {
    checkArgument(port > 0 && port <= 65_535, "%s is not a UDP port (1..65535)", port);
  }

  @Override
  public String toString() {
    return address + " port " + port;
  }
}
