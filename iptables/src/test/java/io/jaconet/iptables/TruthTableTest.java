package io.jaconet.iptables;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** T30: who is seen as whom, by packets, is the same for every driver. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TruthTableTest {
  private OverlayHosts hosts;
  private final Mirrors mirrors = new Mirrors();

  @BeforeAll
  void join() throws Exception {
    hosts = OverlayHosts.join("jt", 2);
    for (var family : IpFamily.values()) {
      for (var station : hosts.stations().values()) {
        mirrors.open(station, station.address(family));
      }
    }
  }

  @AfterAll
  void leave() throws Exception {
    mirrors.close();
    hosts.close();
  }

  private interface Scene {
    void run() throws IOException;
  }

  private void withRules(Driver driver, Scene scene) throws IOException {
    try (var first = hosts.filter(1, driver);
        var second = hosts.filter(2, driver)) {
      first.apply(hosts.rules(1));
      second.apply(hosts.rules(2));
      scene.run();
      first.remove();
      second.remove();
    }
  }

  @ParameterizedTest
  @EnumSource
  void everySourceIsSeenAsItShall(Driver driver) throws IOException {
    withRules(driver, () -> {
      for (var family : IpFamily.values()) {
        assertEquals(expected(family), seen(family), driver + " " + family);
      }
    });
  }

  /** kube-proxy's mark asks to leave the packet alone, whatever else is marked on it. */
  @ParameterizedTest
  @EnumSource
  void whatBearsTheMarkIsNotMasqueraded(Driver driver) throws IOException {
    for (int number = 1; number <= 2; number++) {
      OverlayHosts.run(
          hosts.host(number),
          "nft",
          "add table inet marks; add chain inet marks pre { type filter hook prerouting priority -150; };"
              + " add rule inet marks pre meta mark set 0x14000;"
              + " add chain inet marks out { type route hook output priority -150; };"
              + " add rule inet marks out meta mark set 0x14000");
    }
    try {
      withRules(driver, () -> {
        for (var family : IpFamily.values()) {
          var expected = expected(family);
          expected.put("pod -> external", own("pod", family));
          expected.put("pod -> other node", own("pod", family));
          // Its answer finds no way back: that host knows no route to ours.
          expected.put("external -> its pod", own("external", family));
          var seen = seen(family);
          assertEquals(
              expected.get("pod -> external"), seen.get("pod -> external"), driver + " " + family);
          assertEquals(
              expected.get("external -> its pod"),
              seen.get("external -> its pod"),
              driver + " " + family);
        }
      });
    } finally {
      for (int number = 1; number <= 2; number++) {
        OverlayHosts.run(hosts.host(number), "nft", "delete", "table", "inet", "marks");
      }
    }
  }

  private String own(String name, IpFamily family) {
    return requireNonNull(hosts.stations().get(name)).address(family).toString();
  }

  private Map<String, String> seen(IpFamily family) throws IOException {
    var seen = new TreeMap<String, String>();
    for (var from : hosts.stations().entrySet()) {
      for (var to : hosts.stations().entrySet()) {
        if (!from.getKey().equals(to.getKey())) {
          seen.put(
              from.getKey() + " -> " + to.getKey(),
              Mirrors.seen(from.getValue(), to.getValue().address(family)));
        }
      }
    }
    return seen;
  }

  private Map<String, String> expected(IpFamily family) {
    var bridge = family == IpFamily.V4 ? "10.244.%d.1" : "fd00:244:0:%d::1";
    var expected = new TreeMap<String, String>();
    for (var from : hosts.stations().keySet()) {
      for (var to : hosts.stations().keySet()) {
        if (!from.equals(to)) {
          expected.put(from + " -> " + to, own(from, family));
        }
      }
    }
    // A workload is seen outside of the overlay as its host.
    expected.put("pod -> external", own("host", family));
    expected.put("pod -> other node", own("host", family));
    expected.put("its pod -> external", own("other node", family));
    expected.put("its pod -> host", own("other node", family));
    // A host speaks into the overlay from an address of its own in there.
    expected.put("host -> pod", bridge.formatted(1));
    expected.put("other node -> its pod", bridge.formatted(2));
    expected.put("host -> its pod", hosts.overlayAddress(1, family).toString());
    expected.put("other node -> pod", hosts.overlayAddress(2, family).toString());
    // Who comes from outside keeps the address on the way to a workload here, but not on to another
    // host.
    expected.put("external -> its pod", hosts.overlayAddress(1, family).toString());
    return expected;
  }

  @Test
  void withoutRulesWorkloadsAreSeenOutsideAsThemselves() throws IOException {
    for (var family : IpFamily.values()) {
      assertEquals(own("pod", family), seen(family).get("pod -> external"));
    }
  }
}
