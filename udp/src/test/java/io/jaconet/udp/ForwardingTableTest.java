package io.jaconet.udp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ForwardingTableTest {
  private static final long SEED = 20261125;

  private static Endpoint endpoint(int n) {
    return new Endpoint(IpAddress.parse("192.0.2." + n), 8285);
  }

  @Test
  void theLongestPrefixDecides() {
    var table = ForwardingTable.of(ImmutableMap.of(
        IpPrefix.parse("10.244.0.0/16"), endpoint(1),
        IpPrefix.parse("10.244.7.0/24"), endpoint(2),
        IpPrefix.parse("10.244.7.9/32"), endpoint(3)));

    assertEquals(Optional.of(endpoint(1)), table.endpoint(IpAddress.parse("10.244.8.0")));
    assertEquals(Optional.of(endpoint(2)), table.endpoint(IpAddress.parse("10.244.7.8")));
    assertEquals(Optional.of(endpoint(3)), table.endpoint(IpAddress.parse("10.244.7.9")));
    assertEquals(Optional.of(endpoint(2)), table.endpoint(IpAddress.parse("10.244.7.10")));
    assertEquals(Optional.empty(), table.endpoint(IpAddress.parse("10.245.0.0")));
    assertEquals(Optional.empty(), table.endpoint(IpAddress.parse("2001:db8::1")));
  }

  @Test
  void aDefaultRouteHasTheFirstAndTheLastAddress() {
    for (String text : new String[] {"0.0.0.0/0", "::/0"}) {
      var everything = IpPrefix.parse(text);
      var table = ForwardingTable.of(ImmutableMap.of(everything, endpoint(1)));

      assertEquals(Optional.of(endpoint(1)), table.endpoint(everything.base()));
      assertEquals(Optional.of(endpoint(1)), table.endpoint(everything.last()));
    }
  }

  @Test
  void findsWhatLookingAtEveryPrefixFinds() {
    var random = new Random(SEED);
    for (int round = 0; round < 300; round++) {
      Map<IpPrefix, Endpoint> routes = new HashMap<>();
      for (int i = random.nextInt(40); i > 0; i--) {
        routes.put(prefix(random), endpoint(1 + random.nextInt(200)));
      }
      var table = ForwardingTable.of(routes);
      List<IpAddress> tried = new ArrayList<>();
      for (IpPrefix prefix : routes.keySet()) {
        tried.add(prefix.base());
        tried.add(prefix.last());
      }
      for (int i = 0; i < 50; i++) {
        tried.add(address(random));
      }
      for (IpAddress address : tried) {
        assertEquals(
            slowly(routes, address),
            table.endpoint(address),
            "seed " + SEED + " round " + round + " address " + address);
      }
    }
  }

  private static Optional<Endpoint> slowly(Map<IpPrefix, Endpoint> routes, IpAddress address) {
    return routes.keySet().stream()
        .filter(prefix -> prefix.contains(address))
        .max(Comparator.comparingInt(IpPrefix::length))
        .map(routes::get);
  }

  private static IpPrefix prefix(Random random) {
    IpAddress address = address(random);
    return new IpPrefix(address, random.nextInt(address.family().bits() + 1));
  }

  /** Few different bits, so that prefixes contain each other. */
  private static IpAddress address(Random random) {
    if (random.nextBoolean()) {
      return IpAddress.v4(random.nextInt(4) << 30 | random.nextInt(4) << 15 | random.nextInt(4));
    }
    return IpAddress.v6(
        (long) random.nextInt(4) << 62 | random.nextInt(2), (long) random.nextInt(4) << 62);
  }
}
