package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Lists;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(FreshNetworkNamespace.class)
class RtNetlinkTest {
  private static final MacAddress MAC = MacAddress.parse("02:00:00:00:00:07");
  private static final int PROTOCOL = 77;

  private static IpAddress ip(String text) {
    return IpAddress.parse(text);
  }

  private static IpPrefix prefix(String text) {
    return IpPrefix.parse(text);
  }

  private static VxlanLink vxlan(
      int vni, int lower, String local, int port, boolean learning, boolean gbp) {
    return new VxlanLink(new Vni(vni), lower, ip(local), null, port, learning, gbp, false);
  }

  /** Makes an underlay link with addresses of both families. */
  private static Link underlay(RtNetlink kernel) throws Exception {
    var link = kernel.createVeth("eth0", "far0");
    kernel.addAddress(link.index(), ip("192.0.2.1"), 24);
    kernel.addAddress(link.index(), ip("2001:db8::1"), 64);
    kernel.setUp(link.index());
    kernel.setUp(kernel.link("far0").orElseThrow().index());
    return link;
  }

  private static Link overlay(RtNetlink kernel) throws Exception {
    var link = kernel.createVxlan(
        "flannel.7", MAC, 1450, vxlan(7, underlay(kernel).index(), "192.0.2.1", 0, false, false));
    kernel.setUp(link.index());
    return link;
  }

  @Test
  void aVxlanDeviceIsWhatIproute2Sees() throws Exception {
    try (var kernel = RtNetlink.open()) {
      int lower = underlay(kernel).index();

      var asked = vxlan(7, lower, "192.0.2.1", 0, false, true);
      var link = kernel.createVxlan("flannel.7", MAC, 1400, asked);
      var v6 = kernel.createVxlan(
          "flannel-v6.8", MAC, 1450, vxlan(8, lower, "2001:db8::1", 4789, true, false));

      assertEquals(vxlan(7, lower, "192.0.2.1", 8472, false, true), link.vxlan());
      assertEquals(vxlan(8, lower, "2001:db8::1", 4789, true, false), v6.vxlan());
      assertEquals(1430, v6.mtu(), "the kernel lowers an MTU that the lower link cannot carry");
      kernel.setUp(link.index());
      var seen = Ip.json("ip -d -j link show flannel.7").get(0).getAsJsonObject();
      var data = seen.getAsJsonObject("linkinfo").getAsJsonObject("info_data");
      assertEquals("vxlan", seen.getAsJsonObject("linkinfo").get("info_kind").getAsString());
      assertEquals(MAC.toString(), seen.get("address").getAsString());
      assertEquals(1400, seen.get("mtu").getAsInt());
      assertEquals("noqueue", seen.get("qdisc").getAsString());
      assertFalse(seen.has("txqlen") && seen.get("txqlen").getAsInt() != 0);
      assertEquals(7, data.get("id").getAsInt());
      assertEquals("eth0", data.get("link").getAsString());
      assertEquals("192.0.2.1", data.get("local").getAsString());
      assertEquals(8472, data.get("port").getAsInt());
      assertFalse(data.get("learning").getAsBoolean());
      assertTrue(data.has("gbp"));
      assertTrue(
          Ip.run("ip -d link show flannel.7").contains(" nolearning ttl auto ageing 300 udpcsum"));
    }
  }

  @Test
  void linksAndAddressesAreWhatIproute2Sees() throws Exception {
    try (var kernel = RtNetlink.open()) {
      var overlay = overlay(kernel);
      var bridge = kernel.createBridge("cni0");
      kernel.setMaster(kernel.link("far0").orElseThrow().index(), bridge.index());
      kernel.addAddress(overlay.index(), ip("10.1.7.0"), 32);
      kernel.setMtu(bridge.index(), 1300);
      kernel.rename(bridge.index(), "cni1");

      var seen = new ArrayList<String>();
      for (JsonElement e : Ip.json("ip -d -j link")) {
        var o = e.getAsJsonObject();
        seen.add(o.get("ifindex").getAsInt() + " " + o.get("ifname").getAsString() + " "
            + o.get("mtu").getAsInt() + " " + o.get("flags").toString().contains("\"UP\"") + " "
            + kind(o));
      }
      var dumped = new ArrayList<String>();
      for (var l : kernel.links()) {
        dumped.add(l.index() + " " + l.name() + " " + l.mtu() + " " + l.up() + " " + l.kind());
      }
      assertEquals(seen, dumped);
      assertEquals(
          "cni1",
          Ip.json("ip -j link show far0").get(0).getAsJsonObject().get("master").getAsString());

      var addressesSeen = new TreeSet<String>();
      for (JsonElement e : Ip.json("ip -j address")) {
        var o = e.getAsJsonObject();
        for (JsonElement a : o.getAsJsonArray("addr_info")) {
          var info = a.getAsJsonObject();
          addressesSeen.add(o.get("ifindex").getAsInt() + " "
              + info.get("local").getAsString() + "/" + info.get("prefixlen").getAsInt() + " "
              + info.get("scope").getAsString().equals("global"));
        }
      }
      var addressesDumped = new TreeSet<String>();
      for (var a : kernel.addresses()) {
        addressesDumped.add(
            a.linkIndex() + " " + a.address() + "/" + a.prefixLength() + " " + (a.scope() == 0));
      }
      assertEquals(addressesSeen, addressesDumped);
      assertTrue(addressesDumped.contains(overlay.index() + " 10.1.7.0/32 true"));
    }
  }

  private static Object kind(JsonObject link) {
    var info = link.getAsJsonObject("linkinfo");
    return info == null || !info.has("info_kind")
        ? "null"
        : info.get("info_kind").getAsString();
  }

  @Test
  void linksComeAndGo() throws Exception {
    try (var kernel = RtNetlink.open()) {
      var link = kernel.createBridge("cni0");

      assertEquals(Optional.of("cni0"), kernel.link(link.index()).map(Link::name));
      assertEquals(
          Errno.EEXIST,
          assertThrows(SyscallException.class, () -> kernel.createBridge("cni0"))
              .errno());
      kernel.setMac(link.index(), MAC);
      kernel.setUp(link.index());
      assertTrue(kernel.link("cni0").orElseThrow().up());
      kernel.setDown(link.index());
      assertFalse(kernel.link("cni0").orElseThrow().up());
      assertEquals(MAC, kernel.link("cni0").orElseThrow().mac());
      kernel.deleteLink(link.index());
      assertEquals(Optional.empty(), kernel.link("cni0"));
      assertEquals(Optional.empty(), kernel.link(link.index()));
      assertEquals(Optional.empty(), kernel.link("a-name-that-no-link-can-have"));
      assertThrows(IllegalArgumentException.class, () -> kernel.createBridge("a/b"));
    }
  }

  @Test
  void aLinkMovesToAnotherNamespace() throws Exception {
    int here = LibC.open("/proc/thread-self/ns/net", 0x80000, 0);
    try (var kernel = RtNetlink.open()) {
      FreshNetworkNamespace.inNewNamespace(() -> {
        try (var other = RtNetlink.open()) {
          var end = other.createVeth("here0", "there0", here);
          var moved = other.createVeth("moved0", "stays0");
          other.moveToNamespace(moved.index(), here);
          assertEquals(0, end.lowerIndex(), "the peer is not a link of this namespace");
          assertEquals(Optional.empty(), other.link("there0"));
          assertTrue(kernel.link("there0").isPresent());
          assertTrue(kernel.link("moved0").isPresent());
        }
      });
    } finally {
      assertEquals(0, LibC.close(here));
    }
  }

  @Test
  void aRefusalCarriesTheKernelsText() throws Exception {
    try (var kernel = RtNetlink.open()) {
      int lower = overlay(kernel).lowerIndex();

      var refusal = assertThrows(
          SyscallException.class,
          () -> kernel.createVxlan("vx1", MAC, 0, vxlan(7, lower, "192.0.2.1", 0, false, false)));

      assertEquals(
          "newlink(vx1): EEXIST (A VXLAN device with the specified VNI already exists)",
          refusal.getMessage());
      assertEquals(
          "EADDRNOTAVAIL",
          assertThrows(
                  SyscallException.class, () -> kernel.removeAddress(lower, ip("198.51.100.1"), 24))
              .errnoName());
    }
  }

  private static List<ForwardingEntry> peer(int link, int n) {
    var v4 = IpAddress.v4(0x0a010000 + (n << 8));
    var v6 = IpAddress.v6(0x20010db8_00010000L + n, 0);
    var mac = new MacAddress(0x02_0000_000000L + n);
    return List.of(
        new ForwardingEntry.Neighbor(link, v4, mac),
        new ForwardingEntry.Neighbor(link, v6, mac),
        new ForwardingEntry.Fdb(link, mac, IpAddress.v4(0xc6336400 + n)),
        new ForwardingEntry.Nexthop(1000 + n, link, v4, PROTOCOL),
        new ForwardingEntry.Nexthop(2000 + n, link, v6, PROTOCOL),
        new ForwardingEntry.Route(new IpPrefix(v4, 24), link, null, false, 1000 + n, PROTOCOL, 0),
        new ForwardingEntry.Route(
            new IpPrefix(v6, 64), link, null, false, 2000 + n, PROTOCOL, 1024));
  }

  private static Set<ForwardingEntry> dump(RtNetlink kernel, int link) throws Exception {
    var entries = new HashSet<ForwardingEntry>();
    entries.addAll(kernel.neighbors(link));
    entries.addAll(kernel.fdb(link));
    entries.addAll(kernel.nexthops(link));
    entries.addAll(kernel.routes(link, PROTOCOL));
    return entries;
  }

  private static List<EntryChange> changes(
      EntryChange.Mode mode, Iterable<ForwardingEntry> entries) {
    var changes = new ArrayList<EntryChange>();
    entries.forEach(e -> changes.add(new EntryChange(mode, e)));
    return changes;
  }

  @Test
  void whatABatchPutsIsWhatTheDumpsAndIproute2Return() throws Exception {
    try (var kernel = RtNetlink.open()) {
      int link = overlay(kernel).index();
      kernel.setUp(1);
      var entries = new ArrayList<ForwardingEntry>();
      for (int n = 1; n <= 200; n++) {
        entries.addAll(peer(link, n));
      }

      var failures = kernel.apply(changes(EntryChange.Mode.REPLACE, entries));

      assertEquals(ImmutableList.of(), failures);
      assertEquals(new HashSet<>(entries), dump(kernel, link));
      assertEquals(
          200, Ip.json("ip -4 -j neigh show dev flannel.7 nud permanent").size());
      assertEquals(
          200, Ip.json("ip -6 -j neigh show dev flannel.7 nud permanent").size());
      assertEquals(200, Ip.json("ip -4 -j route show proto 77").size());
      var fdb = new HashSet<ForwardingEntry>();
      for (JsonElement e : Ip.json("bridge -j fdb show dev flannel.7")) {
        var o = e.getAsJsonObject();
        fdb.add(new ForwardingEntry.Fdb(
            link, MacAddress.parse(o.get("mac").getAsString()), ip(o.get("dst").getAsString())));
      }
      assertEquals(new HashSet<>(kernel.fdb(link)), fdb);
      assertTrue(
          Ip.run("ip route show 10.1.5.0/24")
              .contains("10.1.5.0/24 nhid 1005 via 10.1.5.0 dev flannel.7 proto 77 onlink"),
          "route of peer 5");

      assertEquals(
          ImmutableList.of(),
          kernel.apply(changes(EntryChange.Mode.REMOVE, Lists.reverse(entries))));
      assertEquals(Set.of(), dump(kernel, link));
    }
  }

  @Test
  void eachFailureOfABatchNamesItsEntry() throws Exception {
    try (var kernel = RtNetlink.open()) {
      int link = overlay(kernel).index();
      var there = peer(link, 1);
      var missing = peer(link, 2);
      assertEquals(ImmutableList.of(), kernel.apply(changes(EntryChange.Mode.CREATE, there)));

      var changes = new ArrayList<>(changes(EntryChange.Mode.CREATE, there));
      changes.addAll(changes(EntryChange.Mode.REMOVE, missing));
      var bad =
          new ForwardingEntry.Route(prefix("10.9.0.0/24"), link, null, false, 4711, PROTOCOL, 0);
      changes.add(EntryChange.replace(bad));
      changes.addAll(changes(EntryChange.Mode.CREATE, peer(link, 3)));
      var failures = kernel.apply(changes);

      assertEquals(
          changes.subList(0, there.size() + missing.size() + 1),
          failures.stream().map(EntryFailure::change).toList());
      assertTrue(
          failures.subList(0, there.size()).stream().allMatch(EntryFailure::alreadyThere),
          failures::toString);
      assertTrue(
          failures.subList(there.size(), failures.size() - 1).stream()
              .allMatch(EntryFailure::alreadyGone),
          failures::toString);
      var last = failures.get(failures.size() - 1);
      assertFalse(last.alreadyGone() || last.alreadyThere());
      assertEquals("Nexthop id does not exist", last.explanation());
    }
  }

  @Test
  void routesWithoutNexthopObjectsKeepTheirForm() throws Exception {
    try (var kernel = RtNetlink.open()) {
      var overlay = overlay(kernel);
      int lower = overlay.lowerIndex();
      var entries = List.<ForwardingEntry>of(
          new ForwardingEntry.Route(
              prefix("10.1.1.0/24"), overlay.index(), ip("10.1.1.0"), true, 0, PROTOCOL, 0),
          new ForwardingEntry.Route(
              prefix("10.1.2.0/24"), lower, ip("192.0.2.9"), false, 0, PROTOCOL, 0),
          new ForwardingEntry.Route(
              prefix("10.1.3.0/24"), overlay.index(), null, false, 0, PROTOCOL, 5),
          new ForwardingEntry.Route(
              prefix("2001:db8:1::/64"),
              overlay.index(),
              ip("2001:db8:1::"),
              true,
              0,
              PROTOCOL,
              1024),
          new ForwardingEntry.Route(
              prefix("2001:db8:2::/64"), lower, ip("2001:db8::9"), false, 0, PROTOCOL, 1024),
          new ForwardingEntry.Route(
              prefix("2001:db8:3::/64"), overlay.index(), null, false, 0, PROTOCOL, 1024));

      assertEquals(ImmutableList.of(), kernel.apply(changes(EntryChange.Mode.REPLACE, entries)));

      assertEquals(new HashSet<>(entries), new HashSet<>(kernel.routes(0, PROTOCOL)));
      assertEquals(3, kernel.routes(lower, PROTOCOL).size() + 1);
      assertTrue(Ip.run("ip route show 10.1.1.0/24")
          .contains("via 10.1.1.0 dev flannel.7 proto 77 onlink"));
      assertTrue(Ip.run("ip route show 10.1.3.0/24")
          .contains("dev flannel.7 proto 77 scope link metric 5"));
      assertEquals(ImmutableList.of(), kernel.apply(changes(EntryChange.Mode.REMOVE, entries)));
      assertEquals(List.of(), kernel.routes(0, PROTOCOL));
    }
  }

  @Test
  void theMainTableIsReadWithAllThatAnUnderlayIsChosenBy() throws Exception {
    try (var kernel = RtNetlink.open()) {
      int eth0 = underlay(kernel).index();
      Ip.run("ip route add default via 192.0.2.254 metric 50 src 192.0.2.1");
      Ip.run("ip route add 198.51.100.0/24 nexthop via 192.0.2.2 nexthop via 192.0.2.3 weight 2");
      Ip.run("ip route add blackhole 203.0.113.0/24");
      Ip.run("ip -6 route add default via 2001:db8::fe");

      var routes = kernel.routes();

      var gateway = new KernelRoute.Hop(eth0, ip("192.0.2.254"), false);
      assertTrue(
          routes.contains(new KernelRoute(
              prefix("0.0.0.0/0"),
              254,
              1,
              0,
              3,
              50,
              ip("192.0.2.1"),
              0,
              ImmutableList.of(gateway))),
          routes::toString);
      assertTrue(routes.stream()
          .anyMatch(r -> r.destination().equals(prefix("::/0")) && r.metric() == 1024));
      assertEquals(
          ImmutableList.of(
              new KernelRoute.Hop(eth0, ip("192.0.2.2"), false),
              new KernelRoute.Hop(eth0, ip("192.0.2.3"), false)),
          routes.stream()
              .filter(r -> r.destination().equals(prefix("198.51.100.0/24")))
              .findAny()
              .orElseThrow()
              .hops());
      assertEquals(
          ImmutableList.of(),
          routes.stream()
              .filter(r -> r.destination().equals(prefix("203.0.113.0/24")))
              .findAny()
              .orElseThrow()
              .hops());
      assertEquals(
          Ip.json("ip -4 -j route").size(),
          routes.stream().filter(r -> r.destination().family().bits() == 32).count());

      assertTrue(kernel.routeTo(ip("192.0.2.77")).orElseThrow().isDirect());
      assertEquals(
          ip("192.0.2.1"), kernel.routeTo(ip("192.0.2.77")).orElseThrow().preferredSource());
      assertEquals(
          ImmutableList.of(gateway), kernel.routeTo(ip("9.9.9.9")).orElseThrow().hops());
      assertTrue(kernel.routeTo(ip("2001:db8::77")).orElseThrow().isDirect());
    }
  }

  @Test
  void anUnreachableAddressHasNoRoute() throws Exception {
    try (var kernel = RtNetlink.open()) {
      assertEquals(Optional.empty(), kernel.routeTo(ip("192.0.2.77")));
      assertEquals(Optional.empty(), kernel.routeTo(ip("2001:db8::77")));
    }
  }

  @Test
  void aClosedConnectionRefusesToWork() throws Exception {
    var kernel = RtNetlink.open();
    kernel.close();
    kernel.close();

    assertThrows(IllegalStateException.class, kernel::links);
  }
}
