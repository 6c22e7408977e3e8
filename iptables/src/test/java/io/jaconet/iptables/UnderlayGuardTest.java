package io.jaconet.iptables;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.Nftables;
import io.jaconet.linux.NftablesEvents;
import io.jaconet.linux.RtNetlink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.CloseMode;
import io.jaconet.testkit.Host;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** T21, T29: forged tunnel packets by the guard, with whichever driver keeps the rules. */
class UnderlayGuardTest {
  private static final IpAddress SECOND_ADDRESS = IpAddress.parse("192.0.2.101");
  private static final IpAddress SIDE_ADDRESS = IpAddress.parse("198.51.100.1");
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private static MacAddress vtep(Host host) throws IOException {
    try (var netlink = host.namespace().call(RtNetlink::open)) {
      return requireNonNull(netlink.link("flannel.1").orElseThrow().mac());
    }
  }

  private static void prepare(OverlayHosts hosts) throws IOException {
    OverlayHosts.run(hosts.host(1), "ip", "address", "add", SECOND_ADDRESS + "/24", "dev", "eth0");
    var peer = hosts.host(2).address(IpFamily.V4);
    OverlayHosts.run(hosts.workload(1), "ip", "address", "add", peer + "/32", "dev", "eth0");
    // A second way from the world to the host, with the peer's address at its other end.
    var world = hosts.world();
    OverlayHosts.run(
        hosts.host(1),
        "ip",
        "link",
        "add",
        "side",
        "type",
        "veth",
        "peer",
        "name",
        "side",
        "netns",
        world.name());
    for (var end : List.of(hosts.host(1), world)) {
      var address = end == world ? "198.51.100.2/24" : SIDE_ADDRESS + "/24";
      OverlayHosts.run(end, "ip", "address", "add", address, "dev", "side");
      OverlayHosts.run(end, "ip", "link", "set", "side", "up");
    }
    world.awaitAnswerFrom(SIDE_ADDRESS);
    OverlayHosts.run(world, "ip", "address", "add", peer + "/32", "dev", "side");
  }

  /** Sends the forged packets at the workload of the first host. */
  private static void inject(OverlayHosts hosts) throws IOException {
    var here = hosts.host(1).address(IpFamily.V4);
    var peer = hosts.host(2).address(IpFamily.V4);
    var mac = vtep(hosts.host(1));
    var workload = hosts.workload(1).address(IpFamily.V4);
    ForgedPacket.send(hosts.world(), null, here, mac, workload, "from outside");
    ForgedPacket.send(
        hosts.world(), null, SECOND_ADDRESS, mac, workload, "from outside, other address");
    ForgedPacket.send(
        hosts.world(), peer, SIDE_ADDRESS, mac, workload, "from another side, as a peer");
    ForgedPacket.send(hosts.workload(1), null, here, mac, workload, "from a workload");
    ForgedPacket.send(hosts.workload(1), peer, here, mac, workload, "from a workload, as a peer");
  }

  private static final List<String> INJECTED = ImmutableList.of(
      "from outside",
      "from outside, other address",
      "from another side, as a peer",
      "from a workload",
      "from a workload, as a peer");

  @Test
  void withoutTheGuardForgedPacketsAreDelivered() throws Exception {
    try (var hosts = OverlayHosts.join("jg", 2);
        var inbox = Inbox.open(hosts.workload(1), hosts.workload(1).address(IpFamily.V4));
        var far = Inbox.open(hosts.workload(2), hosts.workload(2).address(IpFamily.V4));
        var filter = hosts.filter(1, Driver.NFTABLES)) {
      filter.apply(hosts.rules(1));
      injectFar(hosts);
      prepare(hosts);

      inject(hosts);

      assertEquals(INJECTED, inbox.before(hosts.workload(2)));
      assertEquals(List.of("from afar"), far.before(hosts.workload(1)));
    }
  }

  private static void injectFar(OverlayHosts hosts) throws IOException {
    ForgedPacket.send(
        hosts.workload(1),
        null,
        hosts.host(2).address(IpFamily.V4),
        vtep(hosts.host(2)),
        hosts.workload(2).address(IpFamily.V4),
        "from afar");
  }

  /** Waits until the guard's set of peers is {@code wanted}, and returns how long that took. */
  private static Duration awaitPeers(OverlayHosts hosts, IpAddress... wanted) throws Exception {
    long start = System.nanoTime();
    try (var events = hosts.host(1).namespace().call(NftablesEvents::open)) {
      do {
        var outcome =
            hosts.host(1).run("nft", "-j", "list", "set", "inet", "jaconet-guard", "peers-v4");
        if (outcome.ok() && peers(outcome.output()).equals(Set.of(wanted))) {
          return Duration.ofNanos(System.nanoTime() - start);
        }
      } while (events.await(PATIENCE) && !events.drain().known().isEmpty());
    }
    throw new AssertionError("the guard does not know " + List.of(wanted));
  }

  private static Set<IpAddress> peers(String json) {
    var peers = new HashSet<IpAddress>();
    Pattern.compile("192\\.0\\.2\\.\\d+")
        .matcher(json)
        .results()
        .forEach(found -> peers.add(IpAddress.parse(found.group())));
    return peers;
  }

  @ParameterizedTest
  @EnumSource
  void withTheGuardNoneIsDeliveredAndEachIsCounted(Driver driver) throws Exception {
    try (var hosts = OverlayHosts.join("jg", 2, driver);
        var inbox = Inbox.open(hosts.workload(1), hosts.workload(1).address(IpFamily.V4));
        var far = Inbox.open(hosts.workload(2), hosts.workload(2).address(IpFamily.V4))) {
      awaitPeers(hosts, hosts.host(2).address(IpFamily.V4));
      injectFar(hosts);
      prepare(hosts);

      inject(hosts);

      assertEquals(List.of(), inbox.before(hosts.workload(2)));
      assertEquals(List.of(), far.before(hosts.workload(1)));
      try (var nftables = hosts.host(1).namespace().call(Nftables::open)) {
        var drops = nftables.counters(NftProgram.key(GuardTable.FAMILY, GuardTable.NAME));
        assertEquals(5L, drops.get("received"));
        assertEquals(1L, drops.get("forwarded"));
      }
      assertTrue(
          hosts.workload(2).ping(hosts.workload(1).address(IpFamily.V6), 3).ok());
    }
  }

  @Test
  void theGuardFollowsTheLeasesWithinASecond() throws Exception {
    try (var hosts = OverlayHosts.join("jf", 3, Driver.NFTABLES)) {
      var second = hosts.host(2).address(IpFamily.V4);
      var third = hosts.host(3).address(IpFamily.V4);
      awaitPeers(hosts, second, third);

      hosts.network(3).close(CloseMode.PURGE);
      var gone = awaitPeers(hosts, second);
      try (var back = hosts.builder(3).join().get(30, TimeUnit.SECONDS)) {
        var known = awaitPeers(hosts, second, third);

        assertTrue(back.lease().revision() > 0);
        assertTrue(gone.toMillis() <= 1_000, "a peer that left was known for " + gone);
        assertTrue(known.toMillis() <= 1_000, "a peer that joined was not known for " + known);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void anAnswerToTheTunnelsPortIsTheWorkloadsIfTheWorkloadAsked(Driver driver) throws Exception {
    try (var hosts = OverlayHosts.join("ja", 2, driver);
        var mirrors = new Mirrors()) {
      awaitPeers(hosts, hosts.host(2).address(IpFamily.V4));
      var world = hosts.world().address(IpFamily.V4);
      mirrors.open(hosts.world(), world);

      var answer = Mirrors.answerTo(hosts.workload(1), OverlayHosts.TUNNEL_PORT, world);

      assertTrue(answer.startsWith(hosts.host(1).address(IpFamily.V4) + " "), answer);
    }
  }

  @ParameterizedTest
  @EnumSource
  void masqueradingTakesPortsOfTheRangeOnly(Driver driver) throws Exception {
    try (var hosts = OverlayHosts.join("jp", 2);
        var mirrors = new Mirrors();
        var filter = HostPacketFilter.builder()
            .namespace(hosts.host(1).namespace())
            .driver(driver)
            .randomFully(false)
            .masqueradePorts(new PortRange(20_000, 20_009))
            .build()) {
      var world = hosts.world().address(IpFamily.V4);
      mirrors.open(hosts.world(), world);
      filter.apply(hosts.rules(1));

      for (int i = 0; i < 5; i++) {
        var answer = Mirrors.answerTo(hosts.workload(1), OverlayHosts.TUNNEL_PORT + i, world);

        int port = Integer.parseInt(answer.substring(answer.indexOf(' ') + 1));
        assertTrue(port >= 20_000 && port <= 20_009, answer);
      }
      assertEquals(ImmutableList.of(), filter.check());
    }
  }
}
