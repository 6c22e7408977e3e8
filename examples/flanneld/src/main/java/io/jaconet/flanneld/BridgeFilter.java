package io.jaconet.flanneld;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/**
 * The kernel module br_netfilter, which shows the rules of iptables what crosses a bridge. Flannel ends where it is not loaded. The overlay
 * does without; what others want of the packet filter between containers of one host, as the service addresses of Kubernetes, may not.
 */
final class BridgeFilter {
  private BridgeFilter() {}

  /** Returns the settings of the module that should be in {@code directory} for {@code families}, and are not. */
  static ImmutableList<Path> missing(Path directory, Set<IpFamily> families) {
    return families.stream()
        .map(family -> directory.resolve(
            family == IpFamily.V4 ? "bridge-nf-call-iptables" : "bridge-nf-call-ip6tables"))
        .filter(Files::notExists)
        .collect(toImmutableList());
  }
}
