package io.jaconet.iptables;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.jaconet.net.IpAddress;
import io.jaconet.testkit.Workload;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.List;

/** What arrives at a workload at the port of {@link ForgedPacket}. */
final class Inbox implements AutoCloseable {
  private final DatagramSocket socket;
  private final IpAddress address;

  private Inbox(DatagramSocket socket, IpAddress address) {
    this.socket = socket;
    this.address = address;
  }

  static Inbox open(Workload workload, IpAddress address) throws IOException {
    var local = new InetSocketAddress(
        InetAddress.getByAddress(address.toBytes()), ForgedPacket.TARGET_PORT);
    var socket =
        workload.namespace().call(() -> DatagramChannel.open().bind(local).socket());
    socket.setSoTimeout(10_000);
    return new Inbox(socket, address);
  }

  /**
   * Returns everything that has arrived before a packet that {@code peer} sends now. The kernel delivers a packet before the send of it
   * returns, so what was sent earlier is here already, or never will be.
   */
  List<String> before(Workload peer) throws IOException {
    try (var sender = peer.namespace().call(() -> DatagramChannel.open().socket())) {
      byte[] end = "end".getBytes(US_ASCII);
      sender.send(new DatagramPacket(
          end, end.length, InetAddress.getByAddress(address.toBytes()), ForgedPacket.TARGET_PORT));
    }
    var texts = new ArrayList<String>();
    for (var text = next(); !text.equals("end"); text = next()) {
      texts.add(text);
    }
    return texts;
  }

  private String next() throws IOException {
    var packet = new DatagramPacket(new byte[100], 100);
    socket.receive(packet);
    return new String(packet.getData(), 0, packet.getLength(), US_ASCII);
  }

  @Override
  public void close() {
    socket.close();
  }
}
