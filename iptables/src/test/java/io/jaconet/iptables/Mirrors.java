package io.jaconet.iptables;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.testkit.Station;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.List;

/** Servers that answer each datagram with the address and port that it came from. */
final class Mirrors implements AutoCloseable {
  static final int PORT = 7007;
  private static final int ATTEMPTS = 5;

  private final List<DatagramSocket> sockets = new ArrayList<>();

  /** Opens a server at {@code address} of {@code station}. */
  void open(Station station, IpAddress address) throws IOException {
    var socket = socket(station, address.family(), new InetSocketAddress(inet(address), PORT));
    sockets.add(socket);
    var thread = new Thread(() -> answer(socket), "mirror-" + address);
    thread.setDaemon(true);
    thread.start();
  }

  private static InetAddress inet(IpAddress address) throws IOException {
    return InetAddress.getByAddress(address.toBytes());
  }

  private static DatagramSocket socket(Station station, IpFamily family, InetSocketAddress local)
      throws IOException {
    var protocol =
        family == IpFamily.V4 ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
    return station
        .namespace()
        .call(() -> DatagramChannel.open(protocol).bind(local).socket());
  }

  private static void answer(DatagramSocket socket) {
    var packet = new DatagramPacket(new byte[100], 100);
    while (!socket.isClosed()) {
      try {
        packet.setLength(100);
        socket.receive(packet);
        packet.setData(
            (packet.getAddress().getHostAddress() + " " + packet.getPort()).getBytes(US_ASCII));
        socket.send(packet);
        packet.setData(new byte[100]);
      } catch (IOException e) {
        // Closed, which ends the loop; or this asker cannot be answered, which it notices.
      }
    }
  }

  /** Returns from which address {@code from} is seen at {@code address}; "nothing" if no answer comes. */
  static String seen(Station from, IpAddress address) throws IOException {
    try (var client = socket(from, address.family(), new InetSocketAddress(0))) {
      var answer = ask(client, address);
      int space = answer.indexOf(' ');
      return space < 0
          ? answer
          : IpAddress.fromBytes(
                  InetAddress.getByName(answer.substring(0, space)).getAddress())
              .toString();
    }
  }

  /** Returns the answer to a question from the port {@code port}. */
  static String answerTo(Station from, int port, IpAddress address) throws IOException {
    try (var client = socket(from, address.family(), new InetSocketAddress(port))) {
      return ask(client, address);
    }
  }

  private static String ask(DatagramSocket client, IpAddress address) throws IOException {
    client.setSoTimeout(300);
    var question = new DatagramPacket(new byte[1], 1, inet(address), PORT);
    var answer = new DatagramPacket(new byte[100], 100);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      client.send(question);
      try {
        client.receive(answer);
        return new String(answer.getData(), 0, answer.getLength(), US_ASCII);
      } catch (SocketTimeoutException e) {
        // Asked again.
      }
    }
    return "nothing";
  }

  @Override
  public void close() {
    sockets.forEach(DatagramSocket::close);
  }
}
