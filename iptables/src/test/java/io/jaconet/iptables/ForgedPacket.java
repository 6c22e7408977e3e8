package io.jaconet.iptables;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.jaconet.net.IpAddress;
import io.jaconet.net.MacAddress;
import io.jaconet.testkit.Station;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import org.jspecify.annotations.Nullable;

/** A VXLAN packet that somebody who is no VTEP sends, with a UDP packet for a workload inside. */
final class ForgedPacket {
  static final int TARGET_PORT = 6666;
  private static final int ETHERNET_BYTES = 14;
  private static final int IPV4_BYTES = 20;
  private static final int UDP_BYTES = 8;

  private ForgedPacket() {}

  /**
   * Sends one.
   *
   * @param from who sends it
   * @param source the address to send it from, null for its own
   * @param to the address of the host that shall take it for a tunnel packet
   * @param vtep the MAC address of that host's VTEP
   * @param workload whom the inner packet is for
   */
  static void send(
      Station from,
      @Nullable IpAddress source,
      IpAddress to,
      MacAddress vtep,
      IpAddress workload,
      String text)
      throws IOException {
    byte[] packet = encapsulated(vtep, workload, text);
    try (var socket = from.namespace().call(() -> DatagramChannel.open().socket())) {
      if (source != null) {
        socket.bind(new InetSocketAddress(InetAddress.getByAddress(source.toBytes()), 0));
      }
      socket.send(new DatagramPacket(
          packet, packet.length, InetAddress.getByAddress(to.toBytes()), OverlayHosts.TUNNEL_PORT));
    }
  }

  private static byte[] encapsulated(MacAddress vtep, IpAddress workload, String text) {
    byte[] payload = text.getBytes(US_ASCII);
    var packet = ByteBuffer.allocate(8 + ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + payload.length);
    packet.putInt(0x0800_0000).putInt(1 << 8);
    packet.putShort((short) (vtep.value() >>> 32)).putInt((int) vtep.value());
    packet.putShort((short) 0x0200).putInt(0x66).putShort((short) 0x0800);
    int header = packet.position();
    packet
        .putShort((short) 0x4500)
        .putShort((short) (IPV4_BYTES + UDP_BYTES + payload.length))
        .putInt(0)
        .putShort((short) 0x4011)
        .putShort((short) 0)
        .put(IpAddress.parse("10.244.66.6").toBytes())
        .put(workload.toBytes());
    packet.putShort(header + 10, checksum(packet, header));
    packet
        .putShort((short) 666)
        .putShort((short) TARGET_PORT)
        .putShort((short) (UDP_BYTES + payload.length))
        .putShort((short) 0)
        .put(payload);
    return packet.array();
  }

  private static short checksum(ByteBuffer packet, int header) {
    int sum = 0;
    for (int i = 0; i < IPV4_BYTES; i += 2) {
      sum += packet.getShort(header + i) & 0xffff;
    }
    sum = (sum & 0xffff) + (sum >>> 16);
    return (short) ~((sum & 0xffff) + (sum >>> 16));
  }
}
