package io.jaconet.iptables;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.iptables.TrafficRule.Verdict;
import io.jaconet.linux.Connection;
import io.jaconet.linux.ConnectionTracking;
import io.jaconet.linux.LinkAddress;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.RtNetlink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;

/**
 * Connections that began while the rules were not as they are, and would keep a wrong address to their end: the kernel asks the rules
 * only about the first packet of a connection.
 */
final class StaleConnections {
  private final HostRules rules;
  private final ImmutableSet<IpAddress> local;

  /** Judges by {@code rules} on a host that has the addresses {@code local}. */
  StaleConnections(HostRules rules, ImmutableSet<IpAddress> local) {
    this.rules = rules;
    this.local = local;
  }

  /** Makes the kernel forget the connections of {@code families} that contradict {@code rules}, and returns them. */
  static ImmutableList<Connection> forget(
      NetworkNamespace namespace, HostRules rules, ImmutableSet<IpFamily> families)
      throws IOException {
    var stale = new StaleConnections(rules, localAddresses(namespace));
    try (var tracking = namespace.call(ConnectionTracking::open)) {
      var contradicting = tracking.connections(connection ->
          families.contains(connection.source().family()) && stale.contradicts(connection));
      for (var connection : contradicting) {
        tracking.forget(connection);
      }
      return contradicting;
    }
  }

  private static ImmutableSet<IpAddress> localAddresses(NetworkNamespace namespace)
      throws IOException {
    try (var netlink = namespace.call(RtNetlink::open)) {
      return netlink.addresses().stream().map(LinkAddress::address).collect(toImmutableSet());
    }
  }

  /** Returns whether {@code connection} would be translated otherwise if it began now. */
  boolean contradicts(Connection connection) {
    // Rules see the destination after its translation.
    var destination = connection.replySource();
    if (!leavesHost(connection, destination)) {
      return false;
    }
    var verdict = rules.masqueradeVerdict(connection.source(), destination);
    if (verdict.isEmpty()) {
      return false;
    }
    if (verdict.get() == Verdict.MASQUERADE) {
      return !connection.isSourceTranslated();
    }
    // kube-proxy masquerades connections whose destination it translated, and rightly so.
    return connection.isSourceTranslated()
        && !connection.isDestinationTranslated()
        && !connection.source().equals(connection.replyDestination())
        && local.contains(connection.replyDestination());
  }

  /** Packets to this host itself meet no rule of ours; neither do those of loopback. */
  private boolean leavesHost(Connection connection, IpAddress destination) {
    return !local.contains(destination)
        && !destination.isMulticast()
        && !destination.isLoopback()
        && !connection.source().isLoopback();
  }
}
