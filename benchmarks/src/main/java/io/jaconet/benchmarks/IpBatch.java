package io.jaconet.benchmarks;

import com.google.errorprone.annotations.FormatMethod;
import io.jaconet.linux.PeerTable;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The reference: iproute2, told of many peers at once. Writes the same entries as a network does, by way of nexthop objects too, without
 * which the kernel's time grows with the square of the peers.
 */
final class IpBatch implements AutoCloseable {
  private static final int FIRST_NEXTHOP = 1 << 30;

  private final Path ip;
  private final Path bridge;

  private IpBatch(Path ip, Path bridge) {
    this.ip = ip;
    this.bridge = bridge;
  }

  static IpBatch of(int peers) throws IOException {
    var batch =
        new IpBatch(Files.createTempFile("ip", ".batch"), Files.createTempFile("bridge", ".batch"));
    try (var ip = Files.newBufferedWriter(batch.ip);
        var bridge = Files.newBufferedWriter(batch.bridge)) {
      for (int peer = 0; peer < peers; peer++) {
        var gateway = SyntheticPeers.subnet(peer).base();
        var mac = SyntheticPeers.mac(peer, 0);
        line(
            ip, "neigh replace %s lladdr %s dev %s nud permanent", gateway, mac, Host.VXLAN_DEVICE);
        line(
            bridge,
            "fdb replace %s dev %s dst %s self permanent",
            mac,
            Host.VXLAN_DEVICE,
            SyntheticPeers.publicIp(peer, 0));
      }
      for (int peer = 0; peer < peers; peer++) {
        line(
            ip,
            "nexthop add id %d via %s dev %s onlink proto %d",
            FIRST_NEXTHOP + peer,
            SyntheticPeers.subnet(peer).base(),
            Host.VXLAN_DEVICE,
            PeerTable.PROTOCOL);
      }
      for (int peer = 0; peer < peers; peer++) {
        line(
            ip,
            "route add %s nhid %d proto %d",
            SyntheticPeers.subnet(peer),
            FIRST_NEXTHOP + peer,
            PeerTable.PROTOCOL);
      }
    }
    return batch;
  }

  @FormatMethod
  private static void line(BufferedWriter file, String format, Object... args) throws IOException {
    file.write(String.format(format, args));
    file.newLine();
  }

  /** Writes the entries on {@code host}, which has the device already, and returns how many milliseconds it took. */
  double run(Host host) throws IOException {
    long before = System.nanoTime();
    Commands.output("bridge", "-n", host.name(), "-batch", bridge.toString());
    Commands.output("ip", "-n", host.name(), "-batch", ip.toString());
    return (System.nanoTime() - before) / 1e6;
  }

  @Override
  public void close() throws IOException {
    Files.delete(ip);
    Files.delete(bridge);
  }
}
