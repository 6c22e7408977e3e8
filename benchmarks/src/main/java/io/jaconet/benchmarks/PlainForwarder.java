package io.jaconet.benchmarks;

import com.google.common.util.concurrent.Uninterruptibles;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.Slices;
import io.jaconet.linux.TunDevice;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;

/** Forwards packets between a TUN device and a UDP socket one by one, without any of what makes that quick. */
final class PlainForwarder implements Closeable {
  static final int OVERLAY_MTU = 1472;
  private static final int PORT = 8285;
  private static final int CAPACITY = 2048;

  private final TunDevice tun;
  private final DatagramChannel channel;
  private final InetSocketAddress peer;
  private final Thread sender;
  private final Thread receiver;

  /** Forwards on the host with this number of {@code link}, 1 or 2. */
  PlainForwarder(TestLink link, int number) throws IOException {
    var host = link.host(number);
    tun = host.namespace().call(() -> TunDevice.open("plain0", false));
    channel = host.namespace()
        .<DatagramChannel, IOException>call(
            () -> DatagramChannel.open(StandardProtocolFamily.INET).bind(address(link, number)));
    peer = address(link, 3 - number);
    TestLink.run(host, "ip", "link", "set", "plain0", "up", "mtu", "" + OVERLAY_MTU);
    TestLink.run(host, "ip", "route", "add", "10.244.0.0/16", "dev", "plain0");
    sender = new Thread(() -> untilClosed(this::send), "plain-tx");
    receiver = new Thread(() -> untilClosed(this::receive), "plain-rx");
    sender.start();
    receiver.start();
  }

  private static InetSocketAddress address(TestLink link, int number) throws IOException {
    return new InetSocketAddress(
        InetAddress.getByAddress(link.underlayAddress(number).toBytes()), PORT);
  }

  @FunctionalInterface
  private interface Body {
    void run() throws IOException;
  }

  private static void untilClosed(Body body) {
    try {
      body.run();
    } catch (ClosedChannelException e) {
      // Closing is how it ends.
    } catch (IOException e) {
      System.err.println("the plain forwarder ends: " + e.getMessage());
    }
  }

  private void send() throws IOException {
    var memory = new OffHeap(CAPACITY);
    while (tun.await()) {
      for (int length; (length = tun.read(memory, 0, CAPACITY)) > 0; ) {
        var packet =
            memory.buffer().slice(PacketPort.HEADER_BYTES, length - PacketPort.HEADER_BYTES);
        channel.send(packet, peer);
      }
    }
  }

  private void receive() throws IOException {
    var memory = new OffHeap(CAPACITY);
    var packet = new Slices(memory, 1);
    while (true) {
      var datagram = memory.buffer().duplicate().position(PacketPort.HEADER_BYTES);
      channel.receive(datagram);
      packet.clear();
      packet.add(0, datagram.position());
      tun.write(packet);
    }
  }

  @Override
  public void close() throws IOException {
    tun.shutdown();
    channel.close();
    Uninterruptibles.joinUninterruptibly(sender);
    Uninterruptibles.joinUninterruptibly(receiver);
    tun.close();
  }
}
