package io.jaconet.examples;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.UdpBatchSocket;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.udp.ApplicationPort;
import io.jaconet.udp.DataPath;
import io.jaconet.udp.Endpoint;
import io.jaconet.udp.ForwardingTable;
import io.jaconet.udp.SourceCheck;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** How does a program without any privilege send IP packets through an overlay? */
public final class RootlessExample {
  private static final int PORT = 8285;
  private static final int OVERLAY_MTU = 1472;
  private static final int HEADER_BYTES = 20;

  /** For experiments, RFC 3692. */
  private static final byte PROTOCOL = (byte) 253;

  private static final ForwardingTable TABLE = ForwardingTable.of(ImmutableMap.of(
      IpPrefix.parse("10.244.1.0/24"), new Endpoint(IpAddress.parse("127.0.0.1"), PORT),
      IpPrefix.parse("10.244.2.0/24"), new Endpoint(IpAddress.parse("127.0.0.2"), PORT)));

  private RootlessExample() {}

  /** Has two hosts of this process, each with a loopback address, exchange a packet. */
  public static void main(String... arguments) throws Exception {
    var received = new CompletableFuture<String>();
    var here = new ApplicationPort(100, packet -> {});
    var there = new ApplicationPort(
        100,
        packet -> received.complete(UTF_8.decode(packet.position(HEADER_BYTES)).toString()));
    try (var first = host("first", "127.0.0.1", "10.244.1.0", here);
        var second = host("second", "127.0.0.2", "10.244.2.0", there)) {
      first.setTable(TABLE);
      second.setTable(TABLE);

      here.push(packet("10.244.1.7", "10.244.2.9", "hello overlay"));

      System.out.println("10.244.2.9 received: " + received.get(10, TimeUnit.SECONDS));
    }
  }

  private static DataPath host(String name, String underlay, String own, ApplicationPort port)
      throws Exception {
    var settings = new DataPath.Settings(
        name, ImmutableMap.of(IpFamily.V4, IpAddress.parse(own)), OVERLAY_MTU, SourceCheck.STRICT);
    var socket = UdpBatchSocket.open(IpAddress.parse(underlay), PORT);
    return DataPath.start(settings, port, ImmutableMap.of(IpFamily.V4, socket));
  }

  /** A library for IP in user space would make such packets. */
  private static ByteBuffer packet(String source, String destination, String text) {
    byte[] payload = text.getBytes(UTF_8);
    var packet = ByteBuffer.allocate(HEADER_BYTES + payload.length);
    packet.put((byte) 0x45).put((byte) 0).putShort((short) packet.capacity()).putInt(0);
    packet.put((byte) 64).put(PROTOCOL).putShort((short) 0);
    packet
        .put(IpAddress.parse(source).toBytes())
        .put(IpAddress.parse(destination).toBytes());
    int sum = 0;
    for (int at = 0; at < HEADER_BYTES; at += 2) {
      sum += packet.getShort(at) & 0xffff;
    }
    packet.putShort(10, (short) ~(sum + (sum >> 16)));
    return packet.put(payload).flip();
  }
}
