package io.jaconet.flanneld;

import com.google.common.collect.ImmutableList;
import io.jaconet.iptables.Driver;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.NetworkConfig;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What a host does when it is killed. */
enum Situation {
  JOIN_VXLAN(Network.V4, Start.NEW, Act.JOIN),
  JOIN_DUAL_STACK(Network.DUAL, Start.NEW, Act.JOIN),
  JOIN_UDP(Network.UDP, Start.NEW, Act.JOIN),
  JOIN_50_PEERS(Network.V4, Start.NEW, Act.JOIN) {
    @Override
    int peers() {
      return 50;
    }
  },
  JOIN_AGAIN(Network.V4, Start.COMPLETE, Act.JOIN),
  JOIN_AGAIN_DUAL_STACK(Network.DUAL, Start.COMPLETE, Act.JOIN),
  PEER_COMES(Network.V4, Start.COMPLETE, Act.PEER_COMES),
  PEER_LEAVES(Network.DUAL, Start.COMPLETE, Act.PEER_LEAVES),
  RENEW(Network.V4, Start.COMPLETE, Act.RENEW),
  REPAIR(Network.V4, Start.COMPLETE, Act.REPAIR),
  CLOSE_KEEP(Network.V4, Start.COMPLETE, Act.CLOSE_KEEP),
  CLOSE_WITHDRAW(Network.DUAL, Start.COMPLETE, Act.CLOSE_WITHDRAW),
  CLOSE_PURGE(Network.V4, Start.COMPLETE, Act.CLOSE_PURGE),
  RULES_NFTABLES(Network.DUAL, Start.COMPLETE, Act.JOIN) {
    @Override
    Driver driver() {
      return Driver.NFTABLES;
    }
  },
  RULES_IPTABLES(Network.V4, Start.COMPLETE, Act.JOIN) {
    @Override
    Driver driver() {
      return Driver.IPTABLES_NFT;
    }
  },
  DAEMON(Network.V4, Start.NEW, Act.DAEMON);

  /** A network of this repository's documentation. */
  enum Network {
    V4("{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\"}}"),
    DUAL("{\"EnableIPv6\":true,\"Network\":\"10.244.0.0/16\",\"IPv6Network\":\"fd00:244::/48\","
        + "\"Backend\":{\"Type\":\"vxlan\"}}"),
    UDP("{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"udp\"}}");

    final String json;

    Network(String json) {
      this.json = json;
    }

    NetworkConfig config() {
      return NetworkConfig.parse(json);
    }
  }

  /** What is there when the process starts. */
  enum Start {
    /** Nothing but the peers in the store. */
    NEW,
    /** All that an earlier process made, so that traffic flows without any. */
    COMPLETE
  }

  /** What the process does beyond its barrier. */
  enum Act {
    JOIN,
    PEER_COMES,
    PEER_LEAVES,
    RENEW,
    REPAIR,
    CLOSE_KEEP,
    CLOSE_WITHDRAW,
    CLOSE_PURGE,
    DAEMON;

    @Nullable
    CloseMode closeMode() {
      return switch (this) {
        case CLOSE_KEEP -> CloseMode.KEEP;
        case CLOSE_WITHDRAW -> CloseMode.WITHDRAW;
        case CLOSE_PURGE -> CloseMode.PURGE;
        case JOIN, PEER_COMES, PEER_LEAVES, RENEW, REPAIR, DAEMON -> null;
      };
    }
  }

  final Network network;
  final Start start;
  final Act act;

  Situation(Network network, Start start, Act act) {
    this.network = network;
    this.start = start;
    this.act = act;
  }

  /** Returns how many other hosts have records in the store. */
  int peers() {
    return 9;
  }

  /** Returns what keeps rules, if there are any. */
  @Nullable
  Driver driver() {
    return null;
  }

  /** Returns how long a lease lasts. */
  Duration leaseTtl() {
    return act == Act.RENEW ? Duration.ofSeconds(60) : Duration.ofHours(24);
  }

  /** Returns whether workloads reach each other all the time, whatever happens to the process. */
  boolean forwardsThroughout() {
    return start == Start.COMPLETE && act != Act.CLOSE_WITHDRAW && act != Act.CLOSE_PURGE;
  }

  /** Returns how the lines begin that iproute2 has in the end for the hosts of the store. */
  ImmutableList<String> entries() {
    var entries = ImmutableList.<String>builder();
    if (act != Act.CLOSE_PURGE) {
      int last = act == Act.PEER_COMES ? peers() + 1 : peers();
      for (int n = act == Act.PEER_LEAVES ? 2 : 1; n <= last; n++) {
        entries.addAll(Peers.entries(network, n));
      }
    }
    return entries.build();
  }

  /** Returns how many neighbors that are of all hosts, the one with workloads among them. */
  int neighbors() {
    int running = start == Start.COMPLETE && act != Act.CLOSE_PURGE ? 1 : 0;
    return entries().size() / Peers.ENTRIES + running * (network == Network.DUAL ? 2 : 1);
  }
}
