package io.jaconet.subnet.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class NodeTableTest {
  private static final AnnotationNames NAMES = AnnotationNames.of(AnnotationNames.FLANNEL);
  private static final int STREAMS = 2_000;

  private final NodeTable table = new NodeTable(NAMES);
  private final WatchedLeases watched = new WatchedLeases();

  private static Node node(String name, long revision, int n, String... podCidrs) {
    return new Node(name, 1, revision, ImmutableList.copyOf(podCidrs), Nodes.annotations(n), true);
  }

  private static Node with(Node node, String annotation, String text) {
    var annotations = new HashMap<>(node.annotations());
    annotations.put(Nodes.PREFIX + annotation, text);
    return new Node(
        node.name(),
        node.created(),
        node.revision(),
        node.podCidrs(),
        ImmutableMap.copyOf(annotations),
        node.ready());
  }

  private void put(Node node) {
    table.put(node).forEach(watched::apply);
  }

  private @Nullable String holder(String subnet) {
    var lease = watched.leases().get(subnet);
    return lease == null ? null : lease.holder();
  }

  /** Scenario T35: whatever is told how often and in which order, the last version of each node counts. */
  @Test
  void streamsEndInTheStateOfTheLastVersions() {
    long firstSeed = new Random().nextLong();
    for (int i = 0; i < STREAMS; i++) {
      runStream(firstSeed + i);
    }
  }

  private static void runStream(long seed) {
    var random = new Random(seed);
    var table = new NodeTable(NAMES);
    var watched = new WatchedLeases();
    var truth = new TreeMap<String, Node>();
    var said = new ArrayList<Node>();
    var missed = new ArrayList<Runnable>();
    long revision = 100;
    for (int step = 0; step < 60; step++) {
      revision += 1 + random.nextInt(3);
      var name = "node-" + random.nextInt(6);
      switch (random.nextInt(10)) {
        case 0, 1, 2, 3, 4, 5 -> {
          var next = random(random, name, revision, truth.get(name));
          truth.put(name, next);
          said.add(next);
          missed.add(() -> table.put(next).forEach(watched::apply));
        }
        case 6, 7 -> {
          var last = truth.remove(name);
          if (last != null) {
            var deleted = new Node(
                name, last.created(), revision, last.podCidrs(), last.annotations(), last.ready());
            missed.add(() -> table.delete(deleted).forEach(watched::apply));
          }
        }
        case 8 -> {
          // The watch was cut: what was not told by then never is, but a list comes.
          missed.clear();
          long listed = revision;
          table.replaceAll(List.copyOf(truth.values()), listed).forEach(watched::apply);
        }
        default -> {
          // An old version is told again, all that is new having been told.
          missed.forEach(Runnable::run);
          missed.clear();
          if (!said.isEmpty()) {
            table.put(said.get(random.nextInt(said.size()))).forEach(watched::apply);
          }
        }
      }
    }
    missed.forEach(Runnable::run);

    assertEquals(expectedLeases(truth), content(watched.leases()), () -> "seed " + seed);
    assertEquals(expectedLeases(truth).size(), table.leases().size(), () -> "seed " + seed);
    assertEquals(table.unreadable().size(), watched.unreadable().size(), () -> "seed " + seed);
    assertEquals(
        truth.values().stream().filter(node -> NodeLease.takesPart(node, NAMES)).count(),
        watched.leases().size() + watched.unreadable().size(),
        () -> "seed " + seed);
  }

  private static Node random(Random random, String name, long revision, @Nullable Node before) {
    long created = before != null ? before.created() : revision;
    var node = new Node(
        name,
        created,
        revision,
        random.nextInt(8) == 0
            ? ImmutableList.of()
            : ImmutableList.of(Nodes.podCidr(random.nextInt(5))),
        Nodes.annotations(random.nextInt(3)),
        true);
    return switch (random.nextInt(6)) {
      case 0 -> with(node, "kube-subnet-manager", "false");
      case 1 -> with(node, "public-ip", "no address");
      default -> node;
    };
  }

  /** Says the slow and obvious way which leases there are. */
  private static Map<String, String> expectedLeases(Map<String, Node> truth) {
    var expected = new TreeMap<String, String>();
    truth.values().stream()
        .sorted(Comparator.comparingLong(Node::created).thenComparing(Node::name))
        .filter(node -> NodeLease.takesPart(node, NAMES))
        .filter(node -> !node.annotation(NAMES.publicIp(IpFamily.V4)).contains(" "))
        .filter(node -> !node.podCidrs().isEmpty())
        .forEach(node -> expected.putIfAbsent(
            node.podCidrs().get(0),
            node.name() + " " + node.annotation(NAMES.backendData(IpFamily.V4))));
    return expected;
  }

  private static Map<String, String> content(Map<String, Lease> leases) {
    var content = new TreeMap<String, String>();
    leases.forEach((subnets, lease) -> content.put(
        subnets,
        lease.holder() + " " + lease.attributes().backendData(IpFamily.V4).orElse("")));
    return content;
  }

  @Test
  void unchangedNodesOfAListCauseNothing() {
    var nodes = new ArrayList<Node>();
    for (int n = 0; n < 100; n++) {
      nodes.add(node("node-" + n, 10 + n, n, Nodes.podCidr(n)));
    }
    table.replaceAll(nodes, 200);
    var later = nodes.stream()
        .map(node -> new Node(
            node.name(),
            node.created(),
            node.revision() + 1000,
            node.podCidrs(),
            node.annotations(),
            false))
        .toList();

    assertEquals(List.of(), table.replaceAll(later, 2000));
  }

  /** WEAK-11 of flannel: in dual stack it loses what changes in one family alone. */
  @Test
  void aChangeInEitherFamilyIsAnEvent() {
    var dual = with(
        with(node("a", 1, 7, "10.244.7.0/24", "fd00:244:0:7::/64"), "public-ipv6", "2001:db8::7"),
        "backend-v6-data",
        Nodes.data(8));
    put(dual);
    assertEquals("[10.244.7.0/24 fd00:244:0:7::/64]", watched.leases().keySet().toString());

    for (var change : List.of(
        "public-ip=198.18.9.9",
        "public-ipv6=2001:db8::9",
        "backend-data=" + Nodes.data(99),
        "backend-v6-data=" + Nodes.data(99),
        "backend-type=host-gw")) {
      int equals = change.indexOf('=');
      dual = with(dual, change.substring(0, equals), change.substring(equals + 1));
      dual = new Node("a", 1, dual.revision() + 1, dual.podCidrs(), dual.annotations(), true);
      assertEquals(1, table.put(dual).size(), change);
    }
    var moved = new Node(
        "a",
        1,
        100,
        ImmutableList.of("10.244.7.0/24", "fd00:244:0:8::/64"),
        dual.annotations(),
        true);
    assertEquals(2, table.put(moved).size());
  }

  @Test
  void aNodeThatLosesItsMarkIsRemoved() {
    put(node("a", 1, 1, "10.244.1.0/24"));
    put(with(node("a", 2, 1, "10.244.1.0/24"), "kube-subnet-manager", ""));

    assertEquals(Map.of(), watched.leases());
    assertEquals(Map.of(), watched.unreadable());
  }

  @Test
  void theOlderOfTwoNodesHasASubnet() {
    var young = new Node("a", 20, 1, ImmutableList.of("10.244.1.0/24"), Nodes.annotations(1), true);
    var old = new Node("b", 10, 2, ImmutableList.of("10.244.1.0/24"), Nodes.annotations(2), true);
    put(young);
    put(old);

    assertEquals("b", holder("10.244.1.0/24"));
    assertEquals(
        Map.of("a", "podCIDR 10.244.1.0/24 belongs to the older node b"), watched.unreadable());
    table
        .delete(new Node("b", 10, 3, old.podCidrs(), old.annotations(), true))
        .forEach(watched::apply);
    assertEquals("a", holder("10.244.1.0/24"));
    assertEquals(Map.of(), watched.unreadable());
  }

  /** Class K of bad input: each is told of by its name and a reason, and the others are not touched. */
  @Test
  void badNodesAreSetAsideAndTakeNothingWithThem() {
    put(node("good", 1, 1, "10.244.1.0/24"));
    var good = watched.leases();
    var bad = ImmutableMap.<Node, String>builder()
        .put(node("none", 2, 2), "no podCIDR")
        .put(node("three", 3, 3, "10.244.3.0/24", "fd00::/64", "10.244.4.0/24"), "two podCIDRs")
        .put(node("words", 4, 4, "not a prefix"), "not an address prefix")
        .put(node("single", 5, 5, "10.244.5.1/32"), "single address")
        .put(node("long", 6, 6, "10.244.6.0/99"), "prefix length")
        .put(with(node("type", 7, 7, "10.244.7.0/24"), "backend-type", "x".repeat(1000)), "name")
        .put(
            with(
                node("big", 8, 8, "10.244.8.0/24"),
                "backend-data",
                "[" + "1,".repeat(131_072) + "1]"),
            "characters")
        .put(with(node("json", 9, 9, "10.244.9.0/24"), "backend-data", "{\"VNI\":"), "not JSON")
        .put(with(node("deep", 10, 10, "10.244.10.0/24"), "backend-data", "[".repeat(5000)), "deep")
        .put(with(node("ip", 11, 11, "10.244.11.0/24"), "public-ip", "host.example"), "public-ip")
        .put(
            with(node("v6", 12, 12, "10.244.12.0/24"), "public-ip", "2001:db8::1"),
            "no IPv4 address")
        .put(with(node("noip", 13, 13, "10.244.13.0/24"), "public-ip", "0.0.0.0"), "no public IP")
        .put(with(node("six", 14, 14, "10.244.14.0/24"), "public-ipv6", "fe80::zz"), "public-ipv6")
        .put(node("x\u001b[2J\u202e" + "y".repeat(5000), 15, 15), "no podCIDR")
        .build();

    bad.keySet().forEach(this::put);

    assertEquals(good, watched.leases());
    assertEquals(bad.size(), watched.unreadable().size());
    bad.forEach((node, reason) -> {
      if (node.name().length() < 10) {
        var told = watched.unreadable().get(node.name());
        assertTrue(told != null && told.contains(reason), () -> node.name() + ": " + told);
      }
    });
    watched.unreadable().keySet().forEach(key -> assertTrue(key.matches("[ -~]{1,80}"), key));
    bad.keySet()
        .forEach(node -> table
            .delete(new Node(node.name(), 1, 99, node.podCidrs(), node.annotations(), true))
            .forEach(watched::apply));
    assertEquals(Map.of(), watched.unreadable());
    assertEquals(good, watched.leases());
  }

  @Test
  void anIpv6SubnetMayComeFirst() {
    put(with(node("a", 1, 1, "fd00:244:0:1::/64", "10.244.1.0/24"), "public-ipv6", "2001:db8::1"));

    assertEquals("[10.244.1.0/24 fd00:244:0:1::/64]", watched.leases().keySet().toString());
  }

  /** Where flannel passes over such a node altogether, IPv4 works on. */
  @Test
  void aNodeWithoutAnIpv6AddressStillHasItsIpv4Subnet() {
    put(node("a", 1, 1, "10.244.1.0/24", "fd00:244:0:1::/64"));

    assertEquals("[10.244.1.0/24]", watched.leases().keySet().toString());
  }

  @Test
  void deletionIsFinalForOlderVersions() {
    var old = node("a", 5, 1, "10.244.1.0/24");
    put(old);
    table.delete(node("a", 9, 1, "10.244.1.0/24")).forEach(watched::apply);
    put(old);
    put(node("a", 8, 1, "10.244.1.0/24"));
    assertEquals(Map.of(), watched.leases());

    table.passed(20);
    put(node("a", 8, 1, "10.244.1.0/24"));
    assertEquals(Map.of(), watched.leases());
    put(node("a", 21, 1, "10.244.1.0/24"));
    assertEquals(1, watched.leases().size());
    assertEquals(1, table.leases().size());
    assertEquals(List.of(), table.put(node("a", 21, 2, "10.244.1.0/24")));
  }
}
