package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Underlay;
import io.jaconet.overlay.UnderlaySelection;
import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(FreshNetworkNamespace.class)
class UnderlaySelectorTest {
  private static final Set<IpFamily> V4 = EnumSet.of(IpFamily.V4);
  private static final Set<IpFamily> DUAL = EnumSet.allOf(IpFamily.class);

  private NetworkNamespace namespace;
  private RtNetlink kernel;

  /** two: both families and the default routes; one: IPv4, and the route to 203.0.113.0/24 from its second address. */
  @BeforeEach
  void makeHost() throws Exception {
    namespace = NetworkNamespace.createAnonymous();
    kernel = namespace.call(RtNetlink::open);
    ip("""
        link add one mtu 1400 type veth peer name one-peer
        link add two mtu 1450 type veth peer name two-peer
        link set one-peer up
        link set two-peer up
        link set one up
        link set two up
        address add 198.51.100.1/24 dev one
        address add 198.51.100.2/24 dev one
        address add 192.0.2.1/24 dev two
        address add 2001:db8::1/64 dev two nodad
        address add 2001:db8::2/64 dev two nodad preferred_lft 0
        route add default via 192.0.2.254 metric 50
        route add default via 198.51.100.254 metric 100
        route add default via 2001:db8::fe
        route add 203.0.113.0/24 via 198.51.100.254 src 198.51.100.2
        route add prohibit 203.0.113.64/26
        route add blackhole 203.0.113.128/25
        """);
  }

  private void ip(String batch) throws Exception {
    var process = namespace.start(new ProcessBuilder("ip", "-batch", "-")
        .inheritIO()
        .redirectInput(ProcessBuilder.Redirect.PIPE));
    try (var stdin = process.outputWriter()) {
      stdin.write(batch);
    }
    assertEquals(0, process.waitFor());
  }

  @AfterEach
  void removeHost() throws Exception {
    if (kernel != null) {
      kernel.close();
      namespace.close();
    }
  }

  private Underlay select(UnderlaySelection selection, Set<IpFamily> families) throws IOException {
    return new UnderlaySelector(kernel).select(selection, families);
  }

  private static UnderlaySelection reaching(String target) {
    return UnderlaySelection.builder().canReach(IpAddress.parse(target)).build();
  }

  @Test
  void theDefaultRouteOfTheLowestMetricDecides() throws Exception {
    var underlay = select(UnderlaySelection.defaultRoute(), DUAL);

    assertEquals("two", underlay.interfaceName());
    assertEquals(1450, underlay.mtu());
    assertEquals(kernel.link("two").orElseThrow().index(), underlay.interfaceIndex());
    assertEquals(
        Map.of(
            IpFamily.V4, IpAddress.parse("192.0.2.1"), IpFamily.V6, IpAddress.parse("2001:db8::1")),
        underlay.addresses());
    assertEquals(underlay.addresses(), underlay.publicIps());
  }

  @Test
  void theRouteToATargetDecidesInterfaceAndAddress() throws Exception {
    var underlay = select(reaching("203.0.113.7"), V4);

    assertEquals("one", underlay.interfaceName());
    assertEquals(Map.of(IpFamily.V4, IpAddress.parse("198.51.100.2")), underlay.addresses());
  }

  @Test
  void aProhibitedABlackholedAndAnOwnTargetAreRefused() {
    for (var target : List.of("203.0.113.65", "203.0.113.129", "192.0.2.1")) {
      var e = assertThrows(NoUnderlayException.class, () -> select(reaching(target), V4));

      assertTrue(e.toString().contains("route to " + target), e::toString);
      assertTrue(
          e.toString().contains("one (mtu 1400, 198.51.100.1/24, 198.51.100.2/24"), e::toString);
    }
  }

  @Test
  void anInterfaceWithoutTheFamilyIsRefusedByName() {
    var e = assertThrows(
        NoUnderlayException.class, () -> select(UnderlaySelection.ofInterface("lo"), DUAL));

    assertTrue(e.toString().contains("lo has no usable IPv4 address"), e::toString);
  }

  @Test
  void defaultRoutesWithoutAHopOrOfAnotherTypeAreNotTaken() {
    var defaultV4 = new IpPrefix(IpAddress.unspecified(IpFamily.V4), 0);
    var unreachable = new KernelRoute(defaultV4, 254, 7, 0, 3, 1, null, 0, ImmutableList.of());
    var last = route(defaultV4, -1, 3);
    var first = route(defaultV4, 1024, 4);
    var equal = route(defaultV4, 1024, 5);

    assertEquals(
        Map.of(IpFamily.V4, 4),
        UnderlaySelector.defaultRouteLinks(List.of(unreachable, last, first, equal)));
  }

  private static KernelRoute route(IpPrefix destination, int metric, int link) {
    return new KernelRoute(
        destination,
        254,
        1,
        0,
        3,
        metric,
        null,
        0,
        ImmutableList.of(new KernelRoute.Hop(link, null, false)));
  }
}
