package io.jaconet.iptables;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.NftablesEvents;
import io.jaconet.overlay.TrafficRules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What holds for every driver on a real kernel. */
class HostPacketFilterTest {

  @ParameterizedTest
  @EnumSource
  void nothingIsLeftOnAHostThatHadNothing(Driver driver) throws IOException {
    try (var host = FilterHost.empty(driver)) {
      if (driver == Driver.IPTABLES_LEGACY) {
        lookAtLegacyTables(host);
      }
      String before = host.dump();
      var manager = host.manager();
      manager.apply(Traffic.dual());
      manager.check();

      manager.remove();

      assertEquals(before, host.dump());
    }
  }

  /** The kernel makes a table of iptables-legacy for whoever looks at it, and keeps it. */
  private static void lookAtLegacyTables(FilterHost host) throws IOException {
    for (var program : List.of("iptables-legacy", "ip6tables-legacy")) {
      host.run(program, "-t", "nat", "-S");
      host.run(program, "-t", "filter", "-S");
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRestartWritesNothing(Driver driver) throws Exception {
    try (var host = FilterHost.shared(driver)) {
      host.manager().apply(Traffic.dual());
      var handles = host.run("nft", "-a", "list", "ruleset");
      try (var events = host.namespace().call(NftablesEvents::open)) {
        var restarted = host.manager();

        restarted.apply(Traffic.dual());

        assertEquals(ImmutableList.of(), restarted.check());
        assertEquals(List.of(), List.copyOf(events.drain().known()));
        assertEquals(handles, host.run("nft", "-a", "list", "ruleset"));
        if (driver == Driver.IPTABLES_LEGACY) {
          // Two looks for each family, and no write.
          assertEquals(4, restarted.processes());
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aQuietCheckStartsNoProcessWhereTheKernelTells(Driver driver) throws IOException {
    try (var host = FilterHost.shared(driver)) {
      var manager = host.manager();
      manager.apply(Traffic.dual());
      manager.check();
      long before = manager.processes();
      host.run("nft", "add", "table", "inet", "busy");

      manager.check();

      assertEquals(driver == Driver.IPTABLES_LEGACY ? 2 : 0, manager.processes() - before);
    }
  }

  @ParameterizedTest
  @EnumSource
  void firstProgrammingTakesAtMostThreeProcesses(Driver driver) throws IOException {
    try (var host = FilterHost.empty(driver)) {
      var manager = host.manager();

      manager.apply(Traffic.dual());

      assertTrue(manager.processes() <= 3, "processes: " + manager.processes());
      assertEquals(ImmutableList.of(), manager.check());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"IPTABLES_LEGACY", "IPTABLES_NFT"})
  void flanneldRecognisesItsRules(Driver driver) throws IOException {
    try (var host = FilterHost.shared(driver)) {
      host.manager().apply(Traffic.v4("10.244.1.0/24"));

      // As flanneld asks, in its words; the program's exit status says whether the rule is there.
      var masq = "-m comment --comment \"flanneld masq\" ";
      var forward = "-m comment --comment \"flanneld forward\" ";
      for (var rule : List.of(
          "nat POSTROUTING " + masq + "-j FLANNEL-POSTRTG",
          "nat FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 " + masq + "-j RETURN",
          "nat FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 " + masq + "-j RETURN",
          "nat FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 " + masq + "-j RETURN",
          "nat FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 " + masq + "-j RETURN",
          "nat FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 " + masq
              + "-j MASQUERADE --random-fully",
          "nat FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 " + masq
              + "-j MASQUERADE --random-fully",
          "filter FORWARD " + forward + "-j FLANNEL-FWD",
          "filter FLANNEL-FWD -s 10.244.0.0/16 " + forward + "-j ACCEPT",
          "filter FLANNEL-FWD -d 10.244.0.0/16 " + forward + "-j ACCEPT")) {
        host.runIptables("-t " + rule.replaceFirst(" ", " -C "));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"IPTABLES_LEGACY", "IPTABLES_NFT"})
  void whateverIsDoneToTheRulesIsMended(Driver driver) throws IOException {
    try (var host = FilterHost.shared(driver)) {
      var foreign = host.dump();
      var manager = host.manager();
      manager.apply(Traffic.dual());
      var whole = host.dump();
      var masq = "-m comment --comment \"flanneld masq\" -j ";

      for (var act : List.of(
          "-t nat -F FLANNEL-POSTRTG",
          "-t nat -D FLANNEL-POSTRTG 4",
          "-t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 " + masq + "RETURN",
          "-t nat -I FLANNEL-POSTRTG -j ACCEPT",
          "-t nat -R FLANNEL-POSTRTG 2 -j RETURN",
          "-t nat -D POSTROUTING " + masq + "FLANNEL-POSTRTG",
          "-t nat -A POSTROUTING " + masq + "FLANNEL-POSTRTG",
          "-t filter -F FLANNEL-FWD",
          "-t filter -D FORWARD -m comment --comment \"flanneld forward\" -j FLANNEL-FWD")) {
        host.runIptables(act);

        var mended = manager.check();

        assertFalse(mended.isEmpty(), act);
        assertEquals(whole, host.dump(), act);
      }
      manager.remove();
      assertEquals(foreign, host.dump());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"IPTABLES_LEGACY", "IPTABLES_NFT"})
  void aDropBeforeOursEndsUpBehindThem(Driver driver) throws IOException {
    try (var host = FilterHost.shared(driver)) {
      var manager = host.manager();
      manager.apply(Traffic.dual());
      host.runIptables("-I FORWARD 2 -j DROP");
      host.runIptables("-I FORWARD 1 -s 10.244.9.9/32 -j DROP");

      var mended = manager.check();

      assertEquals(1, mended.size(), mended.toString());
      assertEquals(
          List.of(
              "-A FORWARD -s 10.244.9.9/32 -j DROP",
              "-A FORWARD -j OTHERS",
              "-A FORWARD -m comment --comment \"flanneld forward\" -j FLANNEL-FWD",
              "-A FORWARD -j DROP"),
          host.runIptables("-S FORWARD").lines().skip(1).toList());
      assertEquals(ImmutableList.of(), manager.check());
    }
  }

  @Test
  void anNftTableIsMendedOrWrittenAnew() throws IOException {
    try (var host = FilterHost.shared(Driver.NFTABLES)) {
      var manager = host.manager();
      manager.apply(Traffic.dual());
      var whole = ownTables(host);

      for (var act : List.of(
          "flush table ip flannel-ipv4",
          "delete table ip6 flannel-ipv6",
          "insert rule ip flannel-ipv4 forward drop",
          "add rule ip flannel-ipv4 postrtg ip saddr 10.244.0.0/16 return",
          "add chain ip flannel-ipv4 forward { policy drop; }",
          "add chain ip flannel-ipv4 stranger",
          "add set ip flannel-ipv4 stranger { type ipv4_addr; }",
          "add table ip flannel-ipv4 { flags dormant; }")) {
        host.feed(act, "nft", "-f", "-");

        var mended = manager.check();

        assertFalse(mended.isEmpty(), act);
        assertEquals(whole, ownTables(host), act);
      }
    }
  }

  private static String ownTables(FilterHost host) throws IOException {
    return host.run("nft", "list", "table", "ip", "flannel-ipv4")
        + host.run("nft", "list", "table", "ip6", "flannel-ipv6");
  }

  @ParameterizedTest
  @EnumSource
  void anotherDriverCleansUpAfterTheEarlierOne(Driver earlier) throws IOException {
    for (var later : Driver.values()) {
      if (later == earlier) {
        continue;
      }
      try (var host = FilterHost.shared(earlier)) {
        lookAtLegacyTables(host);
        var before = host.dump();
        host.manager().apply(Traffic.dual());
        var next = host.manager(HostPacketFilter.builder().driver(later));

        next.apply(Traffic.dual());
        var ours = host.dump();
        next.remove();

        assertEquals(later == Driver.NFTABLES, ours.contains("flannel-ipv4"), ours);
        assertEquals(before, host.dump(), earlier + " to " + later);
      }
    }
  }

  @Test
  void rulesGoToWhereOthersHaveTheirs() throws IOException {
    for (var driver : List.of(Driver.IPTABLES_LEGACY, Driver.IPTABLES_NFT)) {
      try (var host = FilterHost.shared(driver)) {
        var manager = host.manager(HostPacketFilter.builder());

        manager.apply(Traffic.dual());

        assertEquals(driver.toString(), manager.status().driver());
        assertTrue(
            manager.status().reason().startsWith("others have 10 rules by it"),
            manager.status().reason());
      }
    }
  }

  @Test
  void enableNftablesIsObeyed() throws IOException {
    try (var host = FilterHost.shared(Driver.IPTABLES_LEGACY)) {
      var manager = host.manager(HostPacketFilter.builder().enableNftables(true));

      manager.apply(Traffic.dual());

      assertEquals("nftables", manager.status().driver());
      assertEquals("EnableNFTables is set", manager.status().reason());
    }
  }

  @Test
  void programsThatAreMissingAreNamedOrDoneWithout(@TempDir Path directory) throws IOException {
    try (var host = FilterHost.empty(Driver.NFTABLES)) {
      var nothing = host.manager(HostPacketFilter.builder().searchPath(directory.resolve("empty")));
      var noIptables = assertThrows(IOException.class, () -> nothing.apply(Traffic.dual()));
      var forced = host.manager(HostPacketFilter.builder()
          .driver(Driver.IPTABLES_LEGACY)
          .searchPath(directory.resolve("empty")));
      var noLegacy = assertThrows(IOException.class, () -> forced.apply(Traffic.dual()));
      Files.createSymbolicLink(directory.resolve("nft"), Path.of("/usr/sbin/nft"));

      var onlyNft = host.manager(HostPacketFilter.builder().searchPath(directory));
      onlyNft.apply(Traffic.dual());

      assertTrue(
          String.valueOf(noIptables.getMessage()).contains("the package iptables or nftables"));
      assertTrue(String.valueOf(noLegacy.getMessage()).contains("the package iptables"));
      assertEquals("nftables", onlyNft.status().driver());
      assertEquals("there is no iptables on this host", onlyNft.status().reason());
      onlyNft.remove();
      assertEquals("", host.run("nft", "list", "ruleset"));
    }
  }

  @Test
  void thePlainNameOfIptablesIsOfTheFlavourThatIsBehindIt(@TempDir Path directory)
      throws IOException {
    for (var name : List.of("iptables", "ip6tables")) {
      for (var what : List.of("-save", "-restore")) {
        Files.createSymbolicLink(
            directory.resolve(name + what), Path.of("/usr/sbin/" + name + "-legacy" + what));
      }
    }
    try (var host = FilterHost.empty(Driver.IPTABLES_LEGACY)) {
      var manager = host.manager(HostPacketFilter.builder().searchPath(directory));

      manager.apply(Traffic.dual());

      assertEquals("iptables-legacy", manager.status().driver());
      assertEquals("it is the only iptables on this host", manager.status().reason());
      manager.remove();
    }
  }

  @Test
  void anOldIptablesIsSparedWhatItDoesNotKnow(@TempDir Path directory) throws IOException {
    var restore = directory.resolve("iptables-legacy-restore");
    Files.writeString(restore, """
        #!/bin/sh
        case "$*" in *-w*) echo "iptables-restore: invalid option -- 'w'" >&2; exit 1;; esac
        input=$(cat)
        case "$input" in *random-fully*) echo 'unknown option "--random-fully"' >&2; exit 2;; esac
        echo "$input" | exec /usr/sbin/iptables-legacy-restore "$@"
        """);
    Files.setPosixFilePermissions(restore, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.createSymbolicLink(
        directory.resolve("iptables-legacy-save"), Path.of("/usr/sbin/iptables-legacy-save"));
    try (var host = FilterHost.empty(Driver.IPTABLES_LEGACY)) {
      var manager = host.manager(
          HostPacketFilter.builder().driver(Driver.IPTABLES_LEGACY).searchPath(directory));

      manager.apply(Traffic.v4("10.244.1.0/24"));

      assertEquals(ImmutableList.of(), manager.check());
      assertTrue(host.dump().contains("-j MASQUERADE\n"), host.dump());
    }
  }

  @Test
  void aBlackHoleRouteIsKeptAndGivesWayToABridge() throws IOException {
    try (var host = FilterHost.empty(Driver.NFTABLES)) {
      var rules = Traffic.dual();
      var manager = host.manager();
      host.run("ip", "link", "set", "lo", "up");
      host.run("ip", "route", "add", "10.244.1.0/24", "dev", "lo");
      manager.apply(new TrafficRules(rules.networks(), rules.own(), true, true, true));
      host.run("ip", "route", "del", "blackhole", "10.244.1.0/24");

      var mended = manager.check();
      var routes = host.run("ip", "route", "show", "10.244.1.0/24");
      var v6 = host.run("ip", "-6", "route", "show", "type", "blackhole");
      manager.apply(rules);

      assertEquals(List.of("blackhole route 10.244.1.0/24 was missing"), mended);
      assertTrue(routes.startsWith("10.244.1.0/24 dev lo"), routes);
      assertTrue(routes.contains("blackhole 10.244.1.0/24 proto 74 metric 2147483647"), routes);
      assertTrue(v6.startsWith("blackhole fd00:244:0:1::/64"), v6);
      assertFalse(host.run("ip", "route", "show", "10.244.1.0/24").contains("blackhole"));
    }
  }

  @Test
  void aFamilyThatIsNoLongerEnabledLosesItsRules() throws IOException {
    for (var driver : Driver.values()) {
      try (var host = FilterHost.shared(driver)) {
        var fresh = host.manager();
        fresh.apply(Traffic.v4("10.244.1.0/24"));
        var onlyV4 = host.dump();
        host.manager().apply(Traffic.dual());

        host.manager().apply(Traffic.v4("10.244.1.0/24"));

        assertEquals(onlyV4, host.dump(), driver.toString());
      }
    }
  }

  @Test
  void theStatusWarnsOfDropsThatNftablesCannotOverride() throws IOException {
    try (var host = FilterHost.shared(Driver.NFTABLES)) {
      var manager = host.manager();
      manager.apply(Traffic.dual());
      var quiet = manager.status().warnings();
      host.run("iptables-nft", "-P", "FORWARD", "DROP");

      manager.check();

      assertEquals(ImmutableList.of(), quiet);
      assertEquals(1, manager.status().warnings().size());
      assertTrue(
          manager.status().warnings().get(0).startsWith("chain FORWARD of table filter drops"),
          manager.status().toString());
    }
  }
}
