package io.jaconet.iptables;

import io.jaconet.net.IpFamily;

/** Says what a kernel lacks when it refuses rules. */
final class KernelFeatures {
  private KernelFeatures() {}

  static String explain(ProgramException e, Driver flavour, IpFamily family) {
    var complaint = e.complaint();
    if (complaint.contains("Table does not exist") || complaint.contains("can't initialize ip")) {
      return e.getMessage() + ". The kernel lacks " + (family == IpFamily.V4 ? "IPv4" : "IPv6")
          + " tables of " + flavour + " (modules "
          + (family == IpFamily.V4
              ? "iptable_nat, iptable_filter"
              : "ip6table_nat, ip6table_filter")
          + "); nftables may work (EnableNFTables)";
    }
    if (complaint.contains("No chain/target/match by that name")
        || complaint.contains("RULE_APPEND failed")) {
      return e.getMessage()
          + ". The kernel lacks a match or target of the rules (modules xt_comment, xt_mark, xt_MASQUERADE"
          + (flavour == Driver.IPTABLES_NFT ? ", nft_compat)" : ")");
    }
    if (complaint.contains("Permission denied") || complaint.contains("Operation not permitted")) {
      return e.getMessage() + ". This takes CAP_NET_ADMIN in the network namespace (root)";
    }
    return String.valueOf(e.getMessage());
  }
}
