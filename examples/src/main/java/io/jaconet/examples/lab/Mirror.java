package io.jaconet.examples.lab;

import static com.google.common.base.Preconditions.checkArgument;

import io.jaconet.net.IpAddress;
import io.jaconet.testkit.Station;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;

/**
 * A UDP server that answers each question with what it sees of the asker: its address and port. So the asker learns whether
 * anybody on the way translated its address.
 */
final class Mirror implements AutoCloseable {
  static final int PORT = 7007;
  private static final int QUESTION_BYTES = Long.BYTES;
  private static final int LONGEST_ANSWER = QUESTION_BYTES + Short.BYTES + 16;

  private final DatagramSocket socket;

  private Mirror(DatagramSocket socket) {
    this.socket = socket;
  }

  /** Opens the server at {@code address} of {@code station} and answers until it is closed. */
  static Mirror open(Station station, IpAddress address) throws IOException {
    var socket = station
        .namespace()
        .call(() -> Sockets.open(address.family())
            .bind(Sockets.socketAddress(address, PORT))
            .socket());
    var mirror = new Mirror(socket);
    // Started outside of the namespace: a thread would keep it.
    var thread = new Thread(mirror::answer, "mirror-" + address);
    thread.setDaemon(true);
    thread.start();
    return mirror;
  }

  private void answer() {
    var packet = new DatagramPacket(new byte[LONGEST_ANSWER], LONGEST_ANSWER);
    while (!socket.isClosed()) {
      try {
        packet.setLength(QUESTION_BYTES);
        socket.receive(packet);
        var seen = (InetSocketAddress) packet.getSocketAddress();
        var answer = ByteBuffer.wrap(packet.getData())
            .position(QUESTION_BYTES)
            .putShort((short) seen.getPort())
            .put(seen.getAddress().getAddress());
        packet.setLength(answer.position());
        socket.send(packet);
      } catch (IOException e) {
        // Closed, which ends the loop; or this asker cannot be answered, which it will notice
        // itself.
      }
    }
  }

  @Override
  public void close() {
    socket.close();
  }

  /** Returns the question of a number. */
  static DatagramPacket question(long number) {
    return new DatagramPacket(
        ByteBuffer.allocate(QUESTION_BYTES).putLong(number).array(), QUESTION_BYTES);
  }

  /** Returns a packet to receive an answer with. */
  static DatagramPacket noAnswer() {
    return new DatagramPacket(new byte[LONGEST_ANSWER], LONGEST_ANSWER);
  }

  /** What a server answered: the number of the question, and who it thinks has asked. */
  record Answer(long number, InetSocketAddress asker) {
    static Answer of(DatagramPacket packet) throws IOException {
      checkArgument(
          packet.getLength() > QUESTION_BYTES + Short.BYTES,
          "an answer of %s bytes",
          packet.getLength());
      var buffer = ByteBuffer.wrap(packet.getData(), 0, packet.getLength());
      long number = buffer.getLong();
      int port = Short.toUnsignedInt(buffer.getShort());
      var address = new byte[buffer.remaining()];
      buffer.get(address);
      return new Answer(number, new InetSocketAddress(InetAddress.getByAddress(address), port));
    }
  }
}
