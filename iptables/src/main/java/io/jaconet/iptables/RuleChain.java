package io.jaconet.iptables;

import com.google.common.collect.ImmutableList;

/** The rules of one purpose and family, in their order. */
record RuleChain(Purpose purpose, ImmutableList<TrafficRule> rules) {

  /** What rules are for, and what flannel calls the places where they are. */
  enum Purpose {
    MASQUERADE("nat", "FLANNEL-POSTRTG", "POSTROUTING", "flanneld masq", "postrtg"),
    FORWARD("filter", "FLANNEL-FWD", "FORWARD", "flanneld forward", "forward");

    /** The table of iptables. */
    final String table;

    /** The own chain in iptables. */
    final String chain;

    /** The chain of iptables that leads to the own one. */
    final String hook;

    /** The comment on every rule in iptables. */
    final String comment;

    /** The chain in nftables. */
    final String nftChain;

    Purpose(String table, String chain, String hook, String comment, String nftChain) {
      this.table = table;
      this.chain = chain;
      this.hook = hook;
      this.comment = comment;
      this.nftChain = nftChain;
    }
  }
}
