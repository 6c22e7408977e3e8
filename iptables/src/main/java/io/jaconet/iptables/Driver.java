package io.jaconet.iptables;

/** What rules are kept with. */
public enum Driver {
  /** iptables that fills the kernel's own tables, {@code iptables-legacy}. */
  IPTABLES_LEGACY("iptables-legacy"),
  /** iptables that fills nftables, {@code iptables-nft}. */
  IPTABLES_NFT("iptables-nft"),
  /** nftables, in tables of our own. */
  NFTABLES("nftables");

  private final String text;

  Driver(String text) {
    this.text = text;
  }

  @Override
  public String toString() {
    return text;
  }
}
