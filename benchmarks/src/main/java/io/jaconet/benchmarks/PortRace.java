package io.jaconet.benchmarks;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableMap;
import io.jaconet.iptables.Driver;
import io.jaconet.iptables.HostPacketFilter;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.Station;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Two workloads of a host whose new flows, from the same source port to the same target at the same moment, are masqueraded: each shall
 * get a port of the host's, and the packet of one that does not get it in time is dropped (the kernel counts {@code insert_failed}).
 */
final class PortRace {
  private static final IpPrefix OVERLAY = IpPrefix.parse("10.244.0.0/16");
  private static final IpPrefix SUBNET = IpPrefix.parse("10.244.1.0/24");
  private static final int OVERLAY_MTU = 1450;
  private static final int FIRST_PORT = 20_000;
  private static final int TARGET_PORT = 7071;
  private static final Path COUNTERS = Path.of("/proc/thread-self/net/stat/nf_conntrack");

  private PortRace() {}

  /** Returns how many first packets of {@code flows} flows were dropped. */
  static long lost(Driver driver, boolean randomFully, int flows) throws IOException {
    try (var fabric = Fabric.builder().hosts(1).create()) {
      var outsider = fabric.attachOutsider();
      var host = fabric.host(1);
      var one = host.attachWorkload(OVERLAY_MTU, SUBNET);
      var other = host.attachWorkload(OVERLAY_MTU, SUBNET);
      try (var filter = HostPacketFilter.builder()
          .namespace(host.namespace())
          .driver(driver)
          .randomFully(randomFully)
          .build()) {
        filter.apply(new TrafficRules(
            ImmutableMap.of(IpFamily.V4, OVERLAY), Subnets.of(SUBNET), true, true, false));
        one.awaitAnswerFrom(outsider.address(IpFamily.V4));
        other.awaitAnswerFrom(outsider.address(IpFamily.V4));
        var target = new InetSocketAddress(
            InetAddress.getByAddress(outsider.address(IpFamily.V4).toBytes()), TARGET_PORT);
        long before = failedInserts(host);
        race(one, other, target, flows / 2);
        return failedInserts(host) - before;
      }
    }
  }

  private static void race(Station one, Station other, InetSocketAddress target, int flowsOfEach)
      throws IOException {
    var ready = new AtomicInteger();
    var first =
        CompletableFuture.runAsync(() -> sendAtTheSameTime(one, target, flowsOfEach, ready));
    var second =
        CompletableFuture.runAsync(() -> sendAtTheSameTime(other, target, flowsOfEach, ready));
    try {
      CompletableFuture.allOf(first, second).join();
    } catch (CompletionException e) {
      throw new IOException("could not start the flows", e.getCause());
    }
  }

  /** Both sides come with an open socket and send once the other has one too. */
  private static void sendAtTheSameTime(
      Station from, InetSocketAddress target, int flows, AtomicInteger ready) {
    try {
      from.namespace().<IOException>run(() -> {
        for (int flow = 0; flow < flows; flow++) {
          try (var channel =
              DatagramChannel.open().bind(new InetSocketAddress(FIRST_PORT + flow))) {
            var packet = ByteBuffer.allocate(1);
            ready.incrementAndGet();
            while (ready.get() < 2 * (flow + 1)) {
              Thread.onSpinWait();
            }
            channel.send(packet, target);
          }
        }
      });
    } catch (IOException e) {
      ready.set(Integer.MAX_VALUE / 2); // the other side need not wait
      throw new CompletionException(e);
    }
  }

  /** Adds up the counters of all processors, hexadecimal in columns of names. */
  private static long failedInserts(Host host) throws IOException {
    var lines = host.namespace().call(() -> Files.readAllLines(COUNTERS));
    var words = Splitter.onPattern("\\s+").omitEmptyStrings();
    int column = words.splitToList(lines.get(0)).indexOf("insert_failed");
    return lines.stream()
        .skip(1)
        .mapToLong(line -> Long.parseLong(words.splitToList(line).get(column), 16))
        .sum();
  }
}
