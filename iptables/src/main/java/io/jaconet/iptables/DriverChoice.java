package io.jaconet.iptables;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The driver that was chosen, and why.
 *
 * @param reason for a reader
 */
record DriverChoice(Driver driver, String reason) {

  /**
   * What a host has.
   *
   * @param legacy whether the programs of iptables-legacy are there
   * @param nftFlavour whether the programs of iptables-nft are there
   * @param nft whether the program nft is there
   * @param usual what is simply called iptables, null if nothing is
   * @param legacyRules how many rules others have by iptables-legacy
   * @param nftRules how many rules others have by iptables-nft
   */
  record HostFacts(
      boolean legacy,
      boolean nftFlavour,
      boolean nft,
      @Nullable Driver usual,
      int legacyRules,
      int nftRules) {}

  /**
   * Chooses where nobody else did: what the others on this host use, since rules of two kinds on one host come in each other's way.
   *
   * @throws IOException if there is nothing to choose from; names the packages
   */
  static DriverChoice among(HostFacts facts) throws IOException {
    if (!facts.legacy() && !facts.nftFlavour()) {
      if (!facts.nft()) {
        throw new IOException(
            "neither iptables nor nft is on this host; install the package iptables or nftables");
      }
      return new DriverChoice(
          Driver.NFTABLES, "there is no iptables on this host" + unreachable(facts));
    }
    if (!facts.legacy()) {
      return new DriverChoice(
          Driver.IPTABLES_NFT, "it is the only iptables on this host" + unreachable(facts));
    }
    if (!facts.nftFlavour()) {
      return new DriverChoice(
          Driver.IPTABLES_LEGACY, "it is the only iptables on this host" + unreachable(facts));
    }
    return byRules(facts);
  }

  private static String unreachable(HostFacts facts) {
    int rules = facts.legacy() ? facts.nftRules() : facts.legacyRules();
    return rules == 0 ? "" : ", although others have " + rules + " rules by the other kind";
  }

  private static DriverChoice byRules(HostFacts facts) {
    int legacy = facts.legacyRules();
    int nft = facts.nftRules();
    if (legacy != nft) {
      return new DriverChoice(
          legacy > nft ? Driver.IPTABLES_LEGACY : Driver.IPTABLES_NFT,
          "others have " + Math.max(legacy, nft) + " rules by it, and "
              + (Math.min(legacy, nft) == 0 ? "none" : Integer.toString(Math.min(legacy, nft)))
              + " by the other kind");
    }
    var usual = facts.usual() == null ? Driver.IPTABLES_NFT : facts.usual();
    return new DriverChoice(
        usual,
        (facts.usual() == null ? "it is the newer kind" : "it is what iptables is on this host")
            + (legacy == 0
                ? ", and others have no rules"
                : ", and others have " + legacy + " rules by each kind"));
  }
}
