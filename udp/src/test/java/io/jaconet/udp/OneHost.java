package io.jaconet.udp;

import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.TunOffloads;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import io.jaconet.testkit.MemoryPacketPort;
import io.jaconet.testkit.MemoryUnderlay;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The two ways of one host without threads, with peers 2 to 9. Host n is at 192.0.2.n and 2001:db8::n and holds 10.244.n.0/24 and
 * fd00:244:0:n::/64; its VTEPs are 02:04:00:00:00:n and 02:06:00:00:00:n.
 */
final class OneHost {
  static final TunOffloads ALL = new TunOffloads(true, true, true);
  static final TunOffloads NO_OFFLOADS = new TunOffloads(false, false, false);
  static final int OVERLAY_MTU = 1472;
  static final int VXLAN_OVERLAY_MTU = 1450;
  static final Framing VXLAN = Framing.vxlan(
      new Vni(7),
      ImmutableMap.of(IpFamily.V4, mac(IpFamily.V4, 1), IpFamily.V6, mac(IpFamily.V6, 1)));

  final MemoryUnderlay underlay = new MemoryUnderlay();
  final MemoryPacketPort port;
  final MemoryUnderlay.Transport transport;
  final Outbound outbound;
  private final MemoryUnderlay.Transport transportV6;
  private final Inbound inbound;
  private final Inbound inboundV6;
  private final Tally tally = new Tally();
  long nanoTime;

  OneHost() {
    this(ALL, SourceCheck.STRICT);
  }

  OneHost(TunOffloads offloads, SourceCheck check) {
    this(offloads, check, Framing.PLAIN);
  }

  OneHost(TunOffloads offloads, SourceCheck check, Framing framing) {
    for (int n = 2; n < 10; n++) {
      underlay.attach(at(IpFamily.V4, n));
      underlay.attach(at(IpFamily.V6, n));
    }
    port = new MemoryPacketPort(offloads);
    transport = underlay.attach(at(IpFamily.V4, 1));
    transportV6 = underlay.attach(at(IpFamily.V6, 1));
    var settings = new DataPath.Settings(
        "test",
        ImmutableMap.of(
            IpFamily.V4,
            subnet(IpFamily.V4, 1).base(),
            IpFamily.V6,
            subnet(IpFamily.V6, 1).base()),
        framing.isPlain() ? OVERLAY_MTU : VXLAN_OVERLAY_MTU,
        check,
        framing);
    var table = table();
    outbound = new Outbound(
        settings,
        port,
        ImmutableMap.of(IpFamily.V4, transport, IpFamily.V6, transportV6),
        () -> table,
        tally,
        () -> nanoTime);
    inbound = new Inbound(settings, port, transport, () -> table, tally, () -> nanoTime);
    inboundV6 = new Inbound(settings, port, transportV6, () -> table, tally, () -> nanoTime);
  }

  static IpAddress at(IpFamily family, int n) {
    return IpAddress.parse((family == IpFamily.V4 ? "192.0.2." : "2001:db8::") + n);
  }

  static MacAddress mac(IpFamily family, int n) {
    return MacAddress.parse((family == IpFamily.V4 ? "02:04:00:00:00:0" : "02:06:00:00:00:0") + n);
  }

  static IpPrefix subnet(IpFamily family, int n) {
    return IpPrefix.parse(
        family == IpFamily.V4 ? "10.244." + n + ".0/24" : "fd00:244:0:" + n + "::/64");
  }

  static ForwardingTable table() {
    var routes = ImmutableMap.<IpPrefix, Endpoint>builder();
    for (int n = 2; n < 10; n++) {
      for (IpFamily family : IpFamily.values()) {
        routes.put(subnet(family, n), new Endpoint(at(family, n), 8285, mac(family, n)));
      }
    }
    return ForwardingTable.of(routes.buildOrThrow());
  }

  /** Sends what the port has and returns the datagrams, those over IPv4 first. */
  List<byte[]> send() throws IOException {
    outbound.drain();
    List<byte[]> datagrams = new ArrayList<>();
    transport.takeSent().forEach(message -> datagrams.addAll(message.datagrams()));
    transportV6.takeSent().forEach(message -> datagrams.addAll(message.datagrams()));
    return datagrams;
  }

  List<byte[]> send(byte[] packet) throws IOException {
    port.give(packet);
    return send();
  }

  /** Receives datagrams from peer n and returns what was written to the port, headers included. */
  List<byte[]> receive(int n, byte[]... datagrams) throws IOException {
    for (byte[] datagram : datagrams) {
      transport.deliver(at(IpFamily.V4, n), datagram, Math.max(1, datagram.length));
    }
    inbound.forwardNext();
    return port.takeWritten();
  }

  /** Receives one message of datagrams of {@code segmentBytes}, over the family of the underlay. */
  List<byte[]> receiveJoined(IpFamily family, int n, byte[] message, int segmentBytes)
      throws IOException {
    boolean v4 = family == IpFamily.V4;
    (v4 ? transport : transportV6).deliver(at(family, n), message, segmentBytes);
    (v4 ? inbound : inboundV6).forwardNext();
    return port.takeWritten();
  }

  List<byte[]> receiveV6(int n, byte[]... datagrams) throws IOException {
    for (byte[] datagram : datagrams) {
      transportV6.deliver(at(IpFamily.V6, n), datagram, Math.max(1, datagram.length));
    }
    inboundV6.forwardNext();
    return port.takeWritten();
  }

  long count(PacketCounter counter) {
    return tally.get(counter);
  }

  static byte[] withoutHeader(byte[] written) {
    return Arrays.copyOfRange(written, PacketPort.HEADER_BYTES, written.length);
  }
}
