package io.jaconet.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.Nftables.Chain;
import io.jaconet.linux.Nftables.Table;
import io.jaconet.linux.NftablesEvents.Change;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The packet filter's side of netlink, with nft as the other party. */
@ExtendWith(FreshNetworkNamespace.class)
@Timeout(60)
class NftablesTest {
  private static final Table TABLE = new Table(2, "t");
  private static final int ERESTART = 85;

  private static void nft(String commands) throws Exception {
    var process = new ProcessBuilder("nft", commands).redirectErrorStream(true).start();
    var output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertEquals(0, process.waitFor(), output);
  }

  @Test
  void whatChangedIsKnownAsSoonAsWhoeverDidItKnows() throws Exception {
    try (var events = NftablesEvents.open()) {
      nft(
          "add table ip t; add chain ip t c; add rule ip t c accept; add set ip t s { type ipv4_addr; }");

      var changes = events.drain();

      assertTrue(changes.complete());
      assertEquals(
          ImmutableSet.of(new Change(2, "t", null), new Change(2, "t", "c")), changes.known());
      assertEquals(ImmutableSet.of(), events.drain().known());
    }
  }

  @Test
  void aWaitEndsWithAChangeWithTheLimitAndWithTheEnd() throws Exception {
    var events = NftablesEvents.open();
    nft("add table ip t");

    assertTrue(events.await(Duration.ofSeconds(30)));
    events.drain();
    assertTrue(events.await(Duration.ofMillis(1)));
    assertTrue(events.await(Duration.ofNanos(-1)), "a limit that is over by now");
    events.close();
    assertFalse(events.await(Duration.ofSeconds(30)));
  }

  @Test
  void chainsAreListedWithHookPolicyAndUse() throws Exception {
    nft("add table ip t; add chain ip t c;"
        + " add chain ip t f { type filter hook forward priority 0; policy drop; };"
        + " add rule ip t f accept; add rule ip t f jump c; add counter ip t n");
    try (var nftables = Nftables.open()) {
      assertEquals(List.of(TABLE), nftables.tables());
      assertEquals(
          List.of(new Chain(TABLE, "c", -1, false, 1), new Chain(TABLE, "f", 2, true, 2)),
          nftables.chains());
      assertEquals(ImmutableMap.of("n", 0L), nftables.counters(TABLE));
    }
  }

  @Test
  void nothingIsDeletedOnAnOldViewOfTheRuleset() throws Exception {
    nft("add table ip t; add chain ip t c");
    try (var nftables = Nftables.open()) {
      int old = nftables.generation();
      nft("add rule ip t c accept");

      var e = assertThrows(SyscallException.class, () -> nftables.deleteTable(TABLE, old));

      assertEquals(ERESTART, e.errno());
      assertEquals(List.of(TABLE), nftables.tables());
      nftables.deleteTable(TABLE, nftables.generation());
      assertEquals(List.of(), nftables.tables());
    }
  }

  @Test
  void aConnectionIsForgottenAloneAndTwiceIsNoFailure() throws Exception {
    try (var netlink = RtNetlink.open();
        var tracking = ConnectionTracking.open()) {
      netlink.setUp(1);
      nft("add table ip t; add chain ip t o { type filter hook output priority 0; };"
          + " add rule ip t o ct state invalid drop");
      var local = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
      try (var server = new DatagramSocket(new InetSocketAddress(local, 0));
          var first = new DatagramSocket(new InetSocketAddress(local, 0));
          var second = new DatagramSocket(new InetSocketAddress(local, 0))) {
        for (var client : List.of(first, second)) {
          client.connect(server.getLocalSocketAddress());
          client.send(new DatagramPacket(new byte[1], 1));
        }
      }
      var address = IpAddress.parse("127.0.0.1");
      var both = tracking.connections(c -> c.source().equals(address));

      tracking.forget(both.get(0));
      tracking.forget(both.get(0));

      assertEquals(2, both.size());
      assertEquals(1, tracking.connections(c -> true).size());
      assertFalse(both.get(0).isSourceTranslated() || both.get(0).isDestinationTranslated());
      assertEquals(address, both.get(0).replyDestination());
    }
  }

  @Test
  void blackHolesAreListedForBothFamiliesAndRemovedAlone() throws IOException {
    var v4 = IpPrefix.parse("10.244.1.0/24");
    var v6 = IpPrefix.parse("fd00:244::/64");
    try (var netlink = RtNetlink.open()) {
      netlink.setUp(1);
      netlink.addBlackHole(v4, 74, 1000);
      netlink.addBlackHole(v4, 75, 2000);
      netlink.addBlackHole(v6, 74, 1000);

      netlink.removeBlackHole(v4, 74, 1000);

      assertEquals(
          List.of(v4, v6),
          netlink.blackHoles().stream().map(KernelRoute::destination).toList());
      assertEquals(2000, netlink.blackHoles().get(0).metric());
    }
  }
}
