package io.jaconet.linux;

import com.google.common.io.BaseEncoding;
import com.google.common.io.Resources;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Datagrams that a real kernel sent (6.18, little-endian), in hexadecimal, one a line. The main method takes them anew. */
final class Capture {
  static final List<String> NAMES =
      List.of("links", "addresses", "routes", "neighbors", "fdb", "nexthops", "refusals");

  private Capture() {}

  /** Returns the datagrams of one name. */
  static List<byte[]> read(String name) throws IOException {
    var lines = Resources.readLines(
        Resources.getResource(Capture.class, name + ".hex"), StandardCharsets.US_ASCII);
    return lines.stream().map(BaseEncoding.base16()::decode).toList();
  }

  public static void main(String[] arguments) throws Exception {
    var directory = Path.of(arguments[0]);
    FreshNetworkNamespace.<Exception>inNewNamespace(() -> take(directory));
  }

  private static void take(Path directory) throws Exception {
    try (var kernel = RtNetlink.open()) {
      int lower = kernel.createVeth("eth0", "far0").index();
      kernel.addAddress(lower, IpAddress.parse("192.0.2.1"), 24);
      kernel.setUp(lower);
      kernel.setUp(kernel.link("far0").orElseThrow().index());
      var local = IpAddress.parse("192.0.2.1");
      var settings = new VxlanLink(new Vni(7), lower, local, null, 0, false, true, false);
      int link = kernel
          .createVxlan("flannel.7", MacAddress.parse("02:00:00:00:00:07"), 1400, settings)
          .index();
      kernel.setUp(link);
      kernel.addAddress(link, IpAddress.parse("2001:db8::7"), 128);
      var gateway = IpAddress.parse("10.1.8.0");
      var mac = MacAddress.parse("02:00:00:00:00:08");
      var entries = List.of(
          new ForwardingEntry.Neighbor(link, gateway, mac),
          new ForwardingEntry.Fdb(link, mac, IpAddress.parse("192.0.2.2")),
          new ForwardingEntry.Nexthop(8, link, gateway, 77),
          new ForwardingEntry.Route(IpPrefix.parse("10.1.8.0/24"), link, null, false, 8, 77, 0));
      for (var failure : kernel.apply(entries.stream().map(EntryChange::create).toList())) {
        throw failure.toException();
      }
      Ip.run("ip route add 198.51.100.0/24 nexthop via 192.0.2.2 nexthop via 192.0.2.3 weight 2");
      var datagrams = new ArrayList<String>();
      try (var recorded = new RtNetlink(recording(datagrams::add))) {
        recorded.links();
        write(directory, "links", datagrams);
        recorded.addresses();
        write(directory, "addresses", datagrams);
        recorded.routes();
        write(directory, "routes", datagrams);
        recorded.neighbors(link);
        write(directory, "neighbors", datagrams);
        recorded.fdb(link);
        write(directory, "fdb", datagrams);
        recorded.nexthops(0);
        write(directory, "nexthops", datagrams);
        recorded.apply(entries.stream().map(EntryChange::create).toList());
        var orphan =
            new ForwardingEntry.Route(IpPrefix.parse("10.1.9.0/24"), link, null, false, 9, 77, 0);
        recorded.apply(List.of(EntryChange.create(orphan)));
        write(directory, "refusals", datagrams);
      }
    }
  }

  private static NetlinkTransport recording(Consumer<String> recorder) throws SyscallException {
    var socket = NetlinkSocket.open(0, 1 << 20);
    return new NetlinkTransport() {
      @Override
      public void send(ByteBuffer messages) throws SyscallException {
        socket.send(messages);
      }

      @Override
      public ByteBuffer receive() throws IOException {
        var datagram = socket.receive();
        byte[] bytes = new byte[datagram.remaining()];
        datagram.duplicate().get(bytes);
        recorder.accept(BaseEncoding.base16().encode(bytes));
        return datagram;
      }

      @Override
      public void drain() throws SyscallException {
        socket.drain();
      }

      @Override
      public int portId() {
        return socket.portId();
      }

      @Override
      public int maxMessagesPerSend() {
        return socket.maxMessagesPerSend();
      }

      @Override
      public void close() throws SyscallException {
        socket.close();
      }
    };
  }

  private static void write(Path directory, String name, List<String> datagrams)
      throws IOException {
    Files.write(directory.resolve(name + ".hex"), datagrams);
    datagrams.clear();
  }
}
