package io.jaconet.testkit;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.linux.ForwardingEntry.Fdb;
import io.jaconet.linux.ForwardingEntry.Neighbor;
import io.jaconet.linux.ForwardingEntry.Nexthop;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.linux.PeerTable;
import io.jaconet.linux.PeerTable.Edit;
import io.jaconet.linux.RepairBudget;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.Subnets;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class PeerTableTest {
  private static final int LINK = 7;
  private static final int UNDERLAY = 2;
  private static final int BOOT = 3;
  private static final int EPERM = 1;
  private static final int EEXIST = 17;
  private static final int EOPNOTSUPP = 95;
  private static final IpPrefix NETWORK = IpPrefix.parse("10.244.0.0/16");
  private static final ImmutableList<ForwardingEntry> NOTHING = ImmutableList.of();

  private final FakeForwardingTables kernel = new FakeForwardingTables();
  private long nanos;
  private final PeerTable table = new PeerTable(
      kernel, LINK, NETWORK, 1, new RepairBudget(() -> nanos, InstantSource.fixed(Instant.EPOCH)));

  private static IpPrefix subnet(int n) {
    return IpPrefix.parse("10.244." + n + ".0/24");
  }

  private static Subnets peer(int n) {
    return Subnets.of(subnet(n));
  }

  private static ImmutableList<ForwardingEntry> vtep(int n, int mac, String endpoint) {
    var address = new MacAddress(0x020000000000L + mac);
    return ImmutableList.of(
        new Neighbor(LINK, subnet(n).base(), address),
        new Fdb(LINK, address, IpAddress.parse(endpoint)),
        new Route(subnet(n), LINK, subnet(n).base(), true, 0, PeerTable.PROTOCOL, 0));
  }

  private static ImmutableList<ForwardingEntry> vtep(int n) {
    return vtep(n, n, "192.0.2." + n);
  }

  /** Has {@code table} want nothing but {@code wanted}, and compare. */
  private PeerTable.Outcome audit(
      PeerTable table, ImmutableMap<Subnets, ImmutableList<ForwardingEntry>> wanted)
      throws IOException {
    var edits = ImmutableList.<Edit>builder();
    wanted.forEach((peer, entries) -> edits.add(new Edit(peer, entries)));
    table.want(edits.build());
    return table.audit();
  }

  /** Returns routes with the gateways that their nexthop objects stand for, and everything else but those objects as it is. */
  private ImmutableSet<ForwardingEntry> meaning() {
    Map<Integer, Nexthop> nexthops =
        kernel.nexthops(0).stream().collect(Collectors.toMap(Nexthop::id, nexthop -> nexthop));
    return kernel.entries().stream()
        .filter(entry -> !(entry instanceof Nexthop))
        .map(entry -> entry instanceof Route route && route.nexthopId() != 0
            ? new Route(
                route.destination(),
                route.linkIndex(),
                requireNonNull(nexthops.get(route.nexthopId())).gateway(),
                true,
                0,
                route.protocol(),
                route.metric())
            : entry)
        .collect(ImmutableSet.toImmutableSet());
  }

  @Test
  void routesThroughNexthopObjectsSoThatTimeGrowsLinearly() throws Exception {
    table.apply(ImmutableList.of(new Edit(peer(1), vtep(1))));

    assertEquals(1, kernel.nexthops(LINK).size());
    assertEquals(
        kernel.nexthops(LINK).get(0).id(), kernel.routes(LINK, 0).get(0).nexthopId());
  }

  @Test
  void fallsBackToGatewayRoutesWhereTheKernelHasNoNexthopObjects() throws Exception {
    kernel.refuse(change -> change.entry() instanceof Nexthop ? EOPNOTSUPP : 0);

    var outcome = audit(table, ImmutableMap.of(peer(1), vtep(1), peer(2), vtep(2)));

    assertEquals(ImmutableMap.of(), outcome.pending());
    assertEquals(ImmutableSet.builder().addAll(vtep(1)).addAll(vtep(2)).build(), kernel.entries());
  }

  @Test
  void aPeerThatIsRefusedGetsNoRouteAndHoldsUpNobody() throws Exception {
    kernel.refuse(change -> change.entry().equals(vtep(1).get(1)) ? EPERM : 0);

    var outcome = audit(table, ImmutableMap.of(peer(1), vtep(1), peer(2), vtep(2)));

    assertEquals(ImmutableSet.of(peer(1)), outcome.pending().keySet());
    assertTrue(outcome.retry());
    assertTrue(
        outcome.pending().getOrDefault(peer(1), "").contains("EPERM"),
        outcome.pending().toString());
    assertFalse(meaning().contains(vtep(1).get(2)));
    assertTrue(meaning().containsAll(vtep(2)));
  }

  @Test
  void leavesARouteOfAnothersAloneAndSaysSo() throws Exception {
    var foreign = new Route(subnet(1), UNDERLAY, IpAddress.parse("192.0.2.254"), false, 0, 4, 0);
    kernel.plant(foreign);

    var outcome = audit(table, ImmutableMap.of(peer(1), vtep(1)));
    var later = table.apply(ImmutableList.of(new Edit(peer(1), vtep(1, 9, "192.0.2.9"))));

    assertTrue(
        outcome.pending().getOrDefault(peer(1), "").contains("ip route show 10.244.1.0/24"),
        outcome.pending().toString());
    assertEquals(ImmutableSet.of(peer(1)), later.pending().keySet());
    assertTrue(kernel.entries().contains(foreign));
  }

  @Test
  void sweepsWhatIsOursAndNothingElse() throws Exception {
    var foreign = ImmutableSet.of(
        new Route(subnet(3), UNDERLAY, IpAddress.parse("192.0.2.254"), false, 0, 4, 0),
        new Route(IpPrefix.parse("10.99.0.0/16"), LINK, null, false, 0, BOOT, 0),
        new Route(
            IpPrefix.parse("198.51.100.0/24"), UNDERLAY, null, false, 0, PeerTable.PROTOCOL, 0),
        new Nexthop(5, UNDERLAY, IpAddress.parse("192.0.2.254"), 4),
        new Neighbor(UNDERLAY, IpAddress.parse("192.0.2.7"), new MacAddress(7)));
    foreign.forEach(kernel::plant);
    audit(table, ImmutableMap.of(peer(1), vtep(1), peer(2), vtep(2)));
    kernel.plant(new Route(subnet(4), LINK, subnet(4).base(), true, 0, BOOT, 0));

    new PeerTable(kernel, LINK, NETWORK, 1).clear();

    assertEquals(foreign, kernel.entries());
  }

  @Test
  void clearingSaysSoIfSomethingStays() throws Exception {
    audit(table, ImmutableMap.of(peer(1), vtep(1)));
    kernel.refuse(change -> change.entry() instanceof Fdb ? EPERM : 0);

    assertThrows(IOException.class, table::clear);
    assertEquals(ImmutableSet.of(vtep(1).get(1)), kernel.entries());
  }

  /** I19: nobody may believe that all is well while something stays that belongs to no peer. */
  @Test
  void anAuditSaysSoIfSomethingStays() throws Exception {
    audit(table, ImmutableMap.of(peer(1), vtep(1)));
    kernel.refuse(change -> change.entry() instanceof Fdb ? EPERM : 0);
    table.want(ImmutableList.of(new Edit(peer(1), ImmutableList.of())));

    var trouble = table.audit().trouble();

    assertTrue(String.valueOf(trouble).contains("EPERM"), trouble);
  }

  @Test
  void aRestartAdoptsWhatStandsWithoutAWrite() throws Exception {
    var wanted = ImmutableMap.of(peer(1), vtep(1), peer(2), vtep(2));
    audit(table, wanted);

    var outcome = audit(new PeerTable(kernel, LINK, NETWORK, 1), wanted);

    assertEquals(0, outcome.writes());
  }

  @Test
  void takesOverTheRoutesOfFlanneld() throws Exception {
    kernel.plant(new Route(subnet(1), LINK, subnet(1).base(), true, 0, BOOT, 0));

    var outcome = audit(table, ImmutableMap.of(peer(1), vtep(1)));

    assertEquals(ImmutableMap.of(), outcome.pending());
    assertEquals(ImmutableSet.copyOf(vtep(1)), meaning());
  }

  @Test
  void passesOverNexthopIdsThatOthersTook() throws Exception {
    audit(table, ImmutableMap.of(peer(1), vtep(1)));
    var foreign =
        new Nexthop(kernel.nexthops(LINK).get(0).id(), UNDERLAY, IpAddress.parse("192.0.2.254"), 4);
    kernel.tamper(entry -> true);
    kernel.plant(foreign);

    var outcome =
        new PeerTable(kernel, LINK, NETWORK, 1).apply(ImmutableList.of(new Edit(peer(1), vtep(1))));

    assertEquals(ImmutableMap.of(), outcome.pending());
    assertTrue(kernel.entries().contains(foreign));
    assertEquals(2, kernel.nexthops(0).size());
  }

  @Test
  @Timeout(10)
  void aKernelThatFindsEveryNexthopIdTakenLeavesThePeerPending() throws Exception {
    kernel.refuse(change -> change.entry() instanceof Nexthop ? EEXIST : 0);

    var outcome = table.apply(ImmutableList.of(new Edit(peer(1), vtep(1))));

    assertEquals(ImmutableSet.of(peer(1)), outcome.pending().keySet());
  }

  @Test
  void aMacThatMovesFromOnePeerToAnotherInOneCallEndsAtTheNewOne() throws Exception {
    audit(
        table, ImmutableMap.of(peer(1), vtep(1, 1, "192.0.2.1"), peer(2), vtep(2, 2, "192.0.2.2")));

    table.apply(ImmutableList.of(
        new Edit(peer(1), vtep(1, 2, "192.0.2.1")), new Edit(peer(2), vtep(2, 1, "192.0.2.2"))));

    assertEquals(
        ImmutableSet.builder()
            .addAll(vtep(1, 2, "192.0.2.1"))
            .addAll(vtep(2, 1, "192.0.2.2"))
            .build(),
        meaning());
  }

  @Test
  void theRouteComesLastAndGoesFirst() throws Exception {
    var order = new ArrayList<String>();
    kernel.refuse(change -> {
      order.add(change.mode() + " " + change.entry().getClass().getSimpleName());
      return 0;
    });

    table.apply(ImmutableList.of(new Edit(peer(1), vtep(1))));
    table.apply(ImmutableList.of(new Edit(peer(1), NOTHING)));

    assertEquals("CREATE Route", order.get(3));
    assertEquals("REMOVE Route", order.get(4));
    assertEquals("REMOVE Nexthop", order.get(order.size() - 1));
    assertEquals(ImmutableSet.of(), kernel.entries());
  }

  /** T01: who replaces a route wants it otherwise, and so do we; ten times. */
  @Test
  void leavesAloneForAWhileWhatIsBrokenAgainAndAgain() throws Exception {
    var foreign = new Route(subnet(1), UNDERLAY, IpAddress.parse("192.0.2.254"), false, 0, 4, 0);
    audit(table, ImmutableMap.of(peer(1), vtep(1), peer(2), vtep(2)));
    int repairs = 0;
    for (int n = 0; n < 15; n++) {
      kernel.plant(foreign);
      repairs += table.audit().repairs().size();
    }
    var left = table.audit();
    nanos += Duration.ofSeconds(61).toNanos();
    var triedAgain = table.audit();

    assertEquals(10, repairs);
    assertEquals(0, left.writes());
    assertFalse(left.retry());
    assertEquals(ImmutableSet.of(peer(1)), left.pending().keySet());
    assertTrue(
        left.pending().getOrDefault(peer(1), "").contains("left alone until 1970-01-01T00:01:00Z"),
        left.pending().toString());
    assertEquals(1, triedAgain.repairs().size());
    assertEquals(ImmutableMap.of(), triedAgain.pending());
  }

  @Test
  void anyHistoryOfChangesDamageAndRefusalsIsMendedByOneAudit() throws Exception {
    long seed = new Random().nextLong();
    System.out.println("PeerTableTest seed " + seed);
    var random = new Random(seed);
    Map<Subnets, ImmutableList<ForwardingEntry>> wanted = new HashMap<>();
    for (int round = 0; round < 2_000; round++) {
      kernel.refuse(change -> random.nextInt(10) == 0 ? EPERM : 0);
      int n = 1 + random.nextInt(6);
      var after = random.nextInt(4) == 0
          ? NOTHING
          : vtep(n, 10 * n + random.nextInt(3), "192.0.2." + (1 + random.nextInt(9)));
      table.apply(ImmutableList.of(new Edit(peer(n), after)));
      wanted.put(peer(n), after);
      if (random.nextInt(5) == 0) {
        kernel.tamper(entry -> random.nextInt(3) == 0);
      }
      nanos += Duration.ofMinutes(1).toNanos();
      if (random.nextInt(3) == 0) {
        kernel.refuse(change -> 0);
        var outcome = audit(table, ImmutableMap.copyOf(wanted));
        var all =
            wanted.values().stream().flatMap(ImmutableList::stream).collect(Collectors.toSet());
        assertEquals(ImmutableMap.of(), outcome.pending());
        assertEquals(all, meaning(), "round " + round);
        assertEquals(0, audit(table, ImmutableMap.copyOf(wanted)).writes());
      }
    }
  }
}
