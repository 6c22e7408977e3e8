/** The rules of a network in the host's packet filter, over iptables and over nftables. */
@org.jspecify.annotations.NullMarked
module io.jaconet.iptables {
  requires transitive io.jaconet.core;
  requires transitive io.jaconet.linux;
  requires com.google.gson;
  requires org.slf4j;

  exports io.jaconet.iptables;
}
