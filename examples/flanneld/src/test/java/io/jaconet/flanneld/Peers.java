package io.jaconet.flanneld;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import java.io.IOException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;

/** The records of hosts that do not run, numbered from 1; their public addresses answer nobody. */
final class Peers {
  private static final Duration TTL = Duration.ofHours(24);
  private static final int FIRST = 100;
  private static final ImmutableMap<IpFamily, String> PUBLIC_IPS =
      ImmutableMap.of(IpFamily.V4, "198.51.100.", IpFamily.V6, "2001:db8:1::");

  /** How many entries of the kernel a peer has in each family, besides its nexthop. */
  static final int ENTRIES = 3;

  private Peers() {}

  static Subnets subnets(Situation.Network network, int n) {
    var v4 = IpPrefix.parse("10.244." + (FIRST + n) + ".0/24");
    return network == Situation.Network.DUAL
        ? Subnets.of(v4, IpPrefix.parse("fd00:244:0:" + (FIRST + n) + "::/64"))
        : Subnets.of(v4);
  }

  /** Writes the record of a peer unless it is there. */
  static void add(LeaseStore store, Situation.Network network, int n) throws IOException {
    var subnets = subnets(network, n);
    if (store.list().entries().stream().noneMatch(entry -> entry.key().equals(subnets.key()))) {
      store.create(subnets, attributes(network, n).toJson(), "peer-" + n, TTL);
    }
  }

  /** Removes the record of a peer if it is there. */
  static void remove(LeaseStore store, Situation.Network network, int n) throws IOException {
    var key = subnets(network, n).key();
    for (var entry : store.list().entries()) {
      if (entry.key().equals(key)) {
        store.delete(entry);
      }
    }
  }

  /** Returns how the lines begin that iproute2 has for a peer, by its own rules; none for udp, where the process has the table. */
  static ImmutableList<String> entries(Situation.Network network, int n) {
    if (network == Situation.Network.UDP) {
      return ImmutableList.of();
    }
    var entries = ImmutableList.<String>builder();
    for (var prefix : subnets(network, n).prefixes()) {
      var base = prefix.base();
      var device = prefix.family() == IpFamily.V4 ? "flannel.1" : "flannel-v6.1";
      var mac = mac(prefix.family(), n);
      entries.add(
          prefix + " via " + base + " dev " + device + " ",
          base + " dev " + device + " lladdr " + mac + " PERMANENT",
          mac + " dev " + device + " dst " + PUBLIC_IPS.get(prefix.family()) + n
              + " self permanent");
    }
    return entries.build();
  }

  private static String mac(IpFamily family, int n) {
    return String.format("02:%02x:00:00:00:%02x", family.bits(), n);
  }

  private static LeaseAttributes attributes(Situation.Network network, int n) {
    var publicIps = ImmutableMap.of(
        IpFamily.V4, IpAddress.parse(PUBLIC_IPS.get(IpFamily.V4) + n),
        IpFamily.V6, IpAddress.parse(PUBLIC_IPS.get(IpFamily.V6) + n));
    Map<IpFamily, String> data = new EnumMap<>(IpFamily.class);
    if (network != Situation.Network.UDP) {
      for (var family : network.config().families()) {
        data.put(family, "{\"VNI\":1,\"VtepMAC\":\"" + mac(family, n) + "\"}");
      }
    }
    return LeaseAttributes.of(network == Situation.Network.UDP ? "udp" : "vxlan", publicIps, data);
  }
}
