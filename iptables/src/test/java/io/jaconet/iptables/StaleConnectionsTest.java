package io.jaconet.iptables;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** T37: connections that began while rules were gone. */
class StaleConnectionsTest {

  /** Has connections tracked also while our rules are gone, as any firewall does. */
  private static void track(OverlayHosts hosts) throws IOException {
    OverlayHosts.run(
        hosts.host(1),
        "nft",
        "add table inet firewall;"
            + " add chain inet firewall forward { type filter hook forward priority 0; };"
            + " add rule inet firewall forward ct state invalid drop");
  }

  /** Returns the line of a connection of {@code source}'s port, empty if there is none. */
  private static String connection(OverlayHosts hosts, IpAddress source, int port)
      throws IOException {
    return OverlayHosts.run(
            hosts.host(1), "conntrack", "-L", "-p", "udp", "-s", source.toString(), "-o", "id")
        .lines()
        .filter(line -> line.contains("sport=" + port + " "))
        .findFirst()
        .map(line -> line.replaceAll("udp +17 \\d+ ", ""))
        .orElse("");
  }

  @ParameterizedTest
  @EnumSource
  void onlyThoseThatContradictTheMendedRulesBeginAnew(Driver driver) throws Exception {
    try (var hosts = OverlayHosts.join("jc", 2);
        var mirrors = new Mirrors();
        var filter = hosts.filter(1, driver)) {
      var world = hosts.world().address(IpFamily.V4);
      var workload = hosts.workload(1).address(IpFamily.V4);
      var host = hosts.host(1).address(IpFamily.V4);
      mirrors.open(hosts.world(), world);
      mirrors.open(hosts.workload(2), hosts.workload(2).address(IpFamily.V4));
      track(hosts);
      filter.apply(hosts.rules(1));
      var good = Mirrors.answerTo(hosts.workload(1), 1111, world);
      var goodEntry = connection(hosts, workload, 1111);
      switch (driver) {
        case NFTABLES ->
          OverlayHosts.run(hosts.host(1), "nft", "flush", "chain", "ip", "flannel-ipv4", "postrtg");
        default -> {
          var iptables = driver == Driver.IPTABLES_LEGACY ? "iptables-legacy" : "iptables-nft";
          OverlayHosts.run(hosts.host(1), iptables, "-t", "nat", "-F", "FLANNEL-POSTRTG");
        }
      }
      var born = Mirrors.answerTo(hosts.workload(1), 2222, world);
      var toPeer =
          Mirrors.answerTo(hosts.workload(1), 3333, hosts.workload(2).address(IpFamily.V4));
      var toPeerEntry = connection(hosts, workload, 3333);
      var ofHost = Mirrors.answerTo(hosts.host(1), 4444, world);
      var ofHostEntry = connection(hosts, host, 4444);

      assertEquals(1, filter.check().size());

      assertEquals(workload + " 2222", born);
      assertEquals("", connection(hosts, workload, 2222));
      var recovered = Mirrors.answerTo(hosts.workload(1), 2222, world);
      assertTrue(recovered.startsWith(host + " "), recovered);
      assertTrue(good.startsWith(host + " "), good);
      assertEquals(
          List.of(),
          List.of(goodEntry, toPeerEntry, ofHostEntry).stream()
              .filter(String::isEmpty)
              .toList());
      assertEquals(goodEntry, connection(hosts, workload, 1111));
      assertEquals(toPeerEntry, connection(hosts, workload, 3333));
      assertEquals(ofHostEntry, connection(hosts, host, 4444));
      assertEquals(workload + " 3333", toPeer);
      assertEquals(host + " 4444", ofHost);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aConnectionBetweenWorkloadsThatWasMasqueradedByMistakeBeginsAnew(Driver driver)
      throws Exception {
    try (var hosts = OverlayHosts.join("jm", 2);
        var mirrors = new Mirrors();
        var filter = hosts.filter(1, driver)) {
      var workload = hosts.workload(1).address(IpFamily.V4);
      var peer = hosts.workload(2).address(IpFamily.V4);
      mirrors.open(hosts.workload(2), peer);
      track(hosts);
      filter.apply(hosts.rules(1));
      for (int rule = 0; rule < 2; rule++) {
        switch (driver) {
          case NFTABLES ->
            OverlayHosts.run(
                hosts.host(1),
                "nft",
                "insert rule ip flannel-ipv4 postrtg ip saddr 10.244.0.0/16 masquerade");
          default -> {
            var iptables = driver == Driver.IPTABLES_LEGACY ? "iptables-legacy" : "iptables-nft";
            OverlayHosts.run(hosts.host(1), iptables, "-t", "nat", "-D", "FLANNEL-POSTRTG", "2");
          }
        }
      }
      var mistaken = Mirrors.answerTo(hosts.workload(1), 3333, peer);

      filter.check();

      assertEquals(
          hosts.overlayAddress(1, IpFamily.V4).toString(),
          mistaken.substring(0, mistaken.indexOf(' ')));
      assertEquals(workload + " 3333", Mirrors.answerTo(hosts.workload(1), 3333, peer));
    }
  }
}
