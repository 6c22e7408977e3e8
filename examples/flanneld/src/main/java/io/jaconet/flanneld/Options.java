package io.jaconet.flanneld;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.flanneld.FlagValues.Given;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.UnderlaySelection;
import java.net.InetSocketAddress;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * What the daemon is asked to do.
 *
 * @param leases where the leases are
 * @param nodeId who this host is
 * @param underlay how to find the underlay interface
 * @param subnetFile where the own subnet is written
 * @param renewMargin how long before its end the lease is renewed
 * @param rules what to do in the packet filter
 * @param resync how often everything is compared with what is wanted
 * @param health where health is served; absent for nowhere
 * @param verbose whether every step is logged
 * @param shown the flags that were given, for the log
 */
record Options(
    LeaseSource leases,
    String nodeId,
    UnderlaySelection underlay,
    Path subnetFile,
    Duration renewMargin,
    Rules rules,
    Duration resync,
    Optional<InetSocketAddress> health,
    boolean verbose,
    String shown) {
  private static final int MAX_PORT = 65_535;
  private static final int MAX_MARGIN_MINUTES = 1439;
  private static final int MAX_PATTERN_CHARS = 256;
  private static final ImmutableList<Flag> ETCD_FLAGS = ImmutableList.of(
      Flag.ETCD_ENDPOINTS,
      Flag.ETCD_PREFIX,
      Flag.ETCD_KEYFILE,
      Flag.ETCD_CERTFILE,
      Flag.ETCD_CAFILE,
      Flag.ETCD_USERNAME,
      Flag.ETCD_PASSWORD);
  private static final ImmutableList<Flag> KUBERNETES_FLAGS =
      ImmutableList.of(Flag.KUBE_API_URL, Flag.KUBE_ANNOTATION_PREFIX, Flag.KUBECONFIG_FILE);

  /**
   * What to do in the packet filter.
   *
   * @param masquerade whether traffic that leaves the overlay gets the host's address
   * @param randomPorts whether it gets source ports at random
   * @param forward whether traffic of the overlay is accepted in the forward chain
   * @param blackHole whether traffic to unassigned addresses of the own subnet is dropped
   */
  record Rules(boolean masquerade, boolean randomPorts, boolean forward, boolean blackHole) {}

  /**
   * Says what the flags mean.
   *
   * @param hostname who this host is if the environment does not say
   * @throws IllegalArgumentException if something is wrong; names the flag or variable, its value, and what is allowed
   */
  static Options of(FlagValues flags, Map<String, String> environment, String hostname) {
    return new Reader(flags).read(environment, hostname);
  }

  private record Reader(FlagValues flags) {
    Options read(Map<String, String> environment, String hostname) {
      refuseLogFlags();
      var nodeName = environment.getOrDefault("NODE_NAME", "");
      int verbosity = flags.number(Flag.V, Integer.MIN_VALUE, Integer.MAX_VALUE);
      return new Options(
          leases(environment),
          nodeName.isEmpty() ? hostname : nodeName,
          underlay(),
          path(Flag.SUBNET_FILE),
          Duration.ofMinutes(flags.number(Flag.SUBNET_LEASE_RENEW_MARGIN, 1, MAX_MARGIN_MINUTES)),
          rules(),
          Duration.ofSeconds(flags.number(Flag.IPTABLES_RESYNC, 1, Integer.MAX_VALUE)),
          health(),
          verbosity >= 1,
          flags.toString());
    }

    private void refuseLogFlags() {
      for (var flag : List.of(Flag.VMODULE, Flag.LOG_BACKTRACE_AT)) {
        var given = flags.get(flag);
        if (!given.last().isEmpty()) {
          throw given.refused(
              "belongs to flannel's logging library and has no counterpart here; use -v=1");
        }
      }
    }

    private LeaseSource leases(Map<String, String> environment) {
      if (flags.isOn(Flag.KUBE_SUBNET_MGR)) {
        return kubernetes(environment);
      }
      refuseKubernetesFlags();
      var store = flags.get(Flag.STORE);
      var name = store.last();
      if (name.equals("etcd")) {
        return etcd();
      }
      if (name.equals("memory")) {
        refuseEtcdFlags();
        return new LeaseSource.Memory(path(Flag.NET_CONFIG_PATH));
      }
      if (name.startsWith("file:") && name.length() > "file:".length()) {
        refuseEtcdFlags();
        return new LeaseSource.Directory(
            path(store, name.substring("file:".length())), path(Flag.NET_CONFIG_PATH));
      }
      throw store.wrong(name, "memory, file:DIRECTORY or etcd");
    }

    /** As with flannel, whatever is said of etcd does not count then. */
    private LeaseSource kubernetes(Map<String, String> environment) {
      var store = flags.given(Flag.STORE);
      if (store != null) {
        throw store.refused("says where the leases are, but --kube-subnet-mgr says otherwise;"
            + " leave one of the two out");
      }
      return new LeaseSource.Kubernetes(
          flags.text(Flag.KUBE_API_URL),
          flags.text(Flag.KUBECONFIG_FILE),
          flags.text(Flag.KUBE_ANNOTATION_PREFIX),
          flags.isOn(Flag.SET_NODE_NETWORK_UNAVAILABLE),
          path(Flag.NET_CONFIG_PATH),
          ImmutableMap.copyOf(environment));
    }

    private void refuseKubernetesFlags() {
      // Elsewhere than in Kubernetes there is no such condition, whichever way it is to be left.
      flags.isOn(Flag.SET_NODE_NETWORK_UNAVAILABLE);
      for (var flag : KUBERNETES_FLAGS) {
        if (!flags.text(flag).equals(flag.preset)) {
          throw flags
              .get(flag)
              .refused(
                  "says how to use Kubernetes, but --kube-subnet-mgr is not given; give both or none");
        }
      }
    }

    private void refuseEtcdFlags() {
      for (var flag : ETCD_FLAGS) {
        var given = flags.given(flag);
        if (given != null && !given.last().isEmpty()) {
          throw given.refused("says how to use etcd, but the leases are in --store="
              + flags.text(Flag.STORE) + "; leave one of the two out");
        }
      }
    }

    private LeaseSource etcd() {
      var config = flags.get(Flag.NET_CONFIG_PATH);
      if (!config.last().equals(Flag.NET_CONFIG_PATH.preset)) {
        throw config.refused(
            "names a file with the network's configuration, but with --store=etcd that is in etcd");
      }
      requireBothOrNone(Flag.ETCD_KEYFILE, Flag.ETCD_CERTFILE);
      requireBothOrNone(Flag.ETCD_USERNAME, Flag.ETCD_PASSWORD);
      var endpoints = flags.get(Flag.ETCD_ENDPOINTS);
      var urls = Splitter.on(',').trimResults().omitEmptyStrings().splitToList(endpoints.last());
      if (urls.isEmpty()) {
        throw endpoints.wrong(endpoints.last(), "URLs such as " + Flag.ETCD_ENDPOINTS.preset);
      }
      return new LeaseSource.Etcd(
          ImmutableList.copyOf(urls),
          flags.text(Flag.ETCD_PREFIX),
          flags.text(Flag.ETCD_KEYFILE),
          flags.text(Flag.ETCD_CERTFILE),
          flags.text(Flag.ETCD_CAFILE),
          flags.text(Flag.ETCD_USERNAME),
          flags.text(Flag.ETCD_PASSWORD));
    }

    private void requireBothOrNone(Flag one, Flag other) {
      boolean isOne = !flags.text(one).isEmpty();
      if (isOne == flags.text(other).isEmpty()) {
        throw flags
            .get(isOne ? one : other)
            .refused("--" + one.label() + " and --" + other.label()
                + " belong together; give both or none");
      }
    }

    private UnderlaySelection underlay() {
      var publicIps = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
      address(Flag.PUBLIC_IP, "an IPv4 address, such as 192.0.2.1")
          .ifPresent(address -> publicIps.put(IpFamily.V4, address));
      address(Flag.PUBLIC_IPV6, "an IPv6 address, such as 2001:db8::1")
          .ifPresent(address -> publicIps.put(IpFamily.V6, address));
      publicIps.forEach((family, address) -> {
        var flag = family == IpFamily.V4 ? Flag.PUBLIC_IP : Flag.PUBLIC_IPV6;
        if (address.family() != family || !address.isHostUnicast()) {
          throw flags
              .get(flag)
              .wrong(address.toString(), "an " + family + " address that other hosts can send to");
        }
      });
      var canReach = address(Flag.IFACE_CAN_REACH, "an address, such as 192.0.2.1");
      return UnderlaySelection.builder()
          .interfaces(interfaces())
          .interfacePatterns(patterns())
          .canReach(canReach)
          .publicIps(ImmutableMap.copyOf(publicIps))
          .build();
    }

    private ImmutableList<String> interfaces() {
      var given = flags.get(Flag.IFACE);
      for (var name : given.values()) {
        if (name.isBlank()) {
          throw given.wrong(name, "the name or an address of an interface, such as eth0");
        }
      }
      return given.values();
    }

    private ImmutableList<String> patterns() {
      var given = flags.get(Flag.IFACE_REGEX);
      for (var pattern : given.values()) {
        try {
          Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
          throw given.wrong(pattern, "a regular expression (" + e.getDescription() + ")");
        }
        if (pattern.isEmpty() || pattern.length() > MAX_PATTERN_CHARS) {
          throw given.wrong(
              pattern, "a regular expression of 1 to " + MAX_PATTERN_CHARS + " characters");
        }
      }
      return given.values();
    }

    private Optional<IpAddress> address(Flag flag, String allowed) {
      var given = flags.get(flag);
      if (given.last().isEmpty()) {
        return Optional.empty();
      }
      try {
        return Optional.of(IpAddress.parse(given.last()));
      } catch (IllegalArgumentException e) {
        throw given.wrong(given.last(), allowed);
      }
    }

    private Path path(Flag flag) {
      var given = flags.get(flag);
      return path(given, given.last());
    }

    private static Path path(Given given, String text) {
      try {
        if (!text.isEmpty()) {
          return Path.of(text).toAbsolutePath();
        }
      } catch (InvalidPathException e) {
        // The same answer as for an empty one.
      }
      throw given.wrong(text, "a path");
    }

    private Rules rules() {
      return new Rules(
          flags.isOn(Flag.IP_MASQ),
          !flags.isOn(Flag.IP_MASQ_FULLY_RANDOM_DISABLE),
          flags.isOn(Flag.IPTABLES_FORWARD_RULES),
          flags.isOn(Flag.IP_BLACKHOLE_ROUTE));
    }

    private Optional<InetSocketAddress> health() {
      int port = flags.number(Flag.HEALTHZ_PORT, Integer.MIN_VALUE, MAX_PORT);
      var ip = address(Flag.HEALTHZ_IP, "an address of this host, such as 127.0.0.1");
      if (port <= 0) {
        return Optional.empty();
      }
      return Optional.of(ip.map(address -> new InetSocketAddress(address.toString(), port))
          .orElseGet(() -> new InetSocketAddress(port)));
    }
  }

  /** Returns what {@code --help} prints. */
  static String help() {
    var text = new StringBuilder("""
        usage: ./jaconet flanneld [FLAG...]

        Joins this host to an overlay network and keeps it there, as flannel's daemon does.

        """);
    for (var flag : Flag.values()) {
      var dashes = flag == Flag.V ? "  -" : "  --";
      var value = switch (flag.kind) {
        case TEXT, SECRET, LIST -> "=TEXT";
        case NUMBER -> "=NUMBER";
        case SWITCH -> "";
      };
      text.append(dashes).append(flag.label()).append(value).append('\n');
      text.append("        ").append(flag.help);
      if (!flag.preset.isEmpty() && flag.variable().isPresent()) {
        text.append(" (default ").append(flag.preset).append(')');
      }
      text.append('\n');
    }
    return text.append("""

        A flag may be written with one dash or two, its value behind a space or an equals sign; the value of
        a switch, which is true if none is given, only behind an equals sign. Where a flag is not given,
        the environment variable of its name counts: FLANNELD_PUBLIC_IP for --public-ip.
        The node's name is that in NODE_NAME, else the host's. With NOTIFY_SOCKET, systemd is told.

        Exit status: 0 ended by SIGTERM or SIGINT, 1 the network could not be joined, 2 a flag is wrong.
        """).toString();
  }
}
