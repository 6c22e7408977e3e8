package io.jaconet.benchmarks;

import com.google.common.util.concurrent.Uninterruptibles;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.ReceiveBatch;
import io.jaconet.linux.SendBatch;
import io.jaconet.linux.Slices;
import io.jaconet.linux.TunDevice;
import io.jaconet.linux.UdpBatchSocket;
import io.jaconet.net.IpAddress;
import java.io.Closeable;
import java.io.IOException;

/** Forwards packets between a TUN device and a UDP socket one by one, without any of what makes that quick. */
final class PlainForwarder implements Closeable {
  static final int OVERLAY_MTU = 1472;
  private static final int PORT = 8285;
  private static final int CAPACITY = 2048;

  private final TunDevice tun;
  private final UdpBatchSocket socket;
  private final IpAddress peer;
  private final Thread sender;
  private final Thread receiver;

  /** Forwards on the host with this number of {@code link}, 1 or 2. */
  PlainForwarder(TestLink link, int number) throws IOException {
    var host = link.host(number);
    tun = host.namespace().call(() -> TunDevice.open("plain0", false));
    socket = host.namespace()
        .<UdpBatchSocket, IOException>call(
            () -> UdpBatchSocket.open(link.underlayAddress(number), PORT));
    peer = link.underlayAddress(3 - number);
    TestLink.run(host, "ip", "link", "set", "plain0", "up", "mtu", "" + OVERLAY_MTU);
    TestLink.run(host, "ip", "route", "add", "10.244.0.0/16", "dev", "plain0");
    sender = new Thread(() -> untilClosed(this::send), "plain-tx");
    receiver = new Thread(() -> untilClosed(this::receive), "plain-rx");
    sender.start();
    receiver.start();
  }

  @FunctionalInterface
  private interface Body {
    void run() throws IOException;
  }

  private static void untilClosed(Body body) {
    try {
      body.run();
    } catch (IOException e) {
      System.err.println("the plain forwarder ends: " + e.getMessage());
    }
  }

  private void send() throws IOException {
    var memory = new OffHeap(CAPACITY);
    var packet = new SendBatch(memory, peer.family(), 1, 1);
    while (tun.await()) {
      for (int length; (length = tun.read(memory, 0, CAPACITY)) > 0; ) {
        packet.begin(peer.highBits(), peer.lowBits(), PORT);
        packet.add(PacketPort.HEADER_BYTES, length - PacketPort.HEADER_BYTES);
        packet.end(CAPACITY);
        socket.send(packet);
        packet.clear();
      }
    }
  }

  private void receive() throws IOException {
    var memory = new OffHeap(PacketPort.HEADER_BYTES + ReceiveBatch.SLOT_BYTES);
    var datagram = new ReceiveBatch(memory, PacketPort.HEADER_BYTES, 1);
    var packet = new Slices(memory, 1);
    while (socket.receive(datagram)) {
      packet.clear();
      packet.add(0, PacketPort.HEADER_BYTES + datagram.bytes(0));
      tun.write(packet);
    }
  }

  @Override
  public void close() throws IOException {
    tun.shutdown();
    socket.shutdown();
    Uninterruptibles.joinUninterruptibly(sender);
    Uninterruptibles.joinUninterruptibly(receiver);
    socket.close();
    tun.close();
  }
}
