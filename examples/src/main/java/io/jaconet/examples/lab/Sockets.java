package io.jaconet.examples.lab;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnknownHostException;
import java.nio.channels.DatagramChannel;

/** UDP sockets for addresses of a family. */
final class Sockets {
  private Sockets() {}

  /** Opens a socket of {@code family} alone, in the namespace of the calling thread. */
  static DatagramChannel open(IpFamily family) throws IOException {
    var protocol = switch (family) {
      case V4 -> StandardProtocolFamily.INET;
      case V6 -> StandardProtocolFamily.INET6;
    };
    try {
      return DatagramChannel.open(protocol);
    } catch (UnsupportedOperationException e) {
      throw new IOException(
          "Java uses no " + family
              + " here, for it found no interface with such an address when it started; try `ip link set lo up`",
          e);
    }
  }

  static InetSocketAddress socketAddress(IpAddress address, int port) throws UnknownHostException {
    return new InetSocketAddress(InetAddress.getByAddress(address.toBytes()), port);
  }

  static IpAddress address(InetSocketAddress address) {
    return IpAddress.fromBytes(address.getAddress().getAddress());
  }
}
