package io.jaconet.flanneld;

import static com.google.common.collect.ImmutableMap.toImmutableMap;

import com.google.common.collect.ImmutableMap;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The flags: flannel's names and defaults, and those that only Jaconet has. */
enum Flag {
  STORE(
      Kind.TEXT,
      "etcd",
      "where subnet leases are: memory (this process's, for trying out), file:DIRECTORY (this host's), or etcd"),
  ETCD_ENDPOINTS(
      Kind.TEXT,
      "http://127.0.0.1:4001,http://127.0.0.1:2379",
      "a comma-delimited list of etcd endpoints"),
  ETCD_PREFIX(Kind.TEXT, "/coreos.com/network", "the path in etcd under which the network is"),
  ETCD_KEYFILE(Kind.TEXT, "", "the private key for TLS to etcd"),
  ETCD_CERTFILE(Kind.TEXT, "", "the certificate for TLS to etcd"),
  ETCD_CAFILE(Kind.TEXT, "", "the authorities for TLS to etcd"),
  ETCD_USERNAME(Kind.TEXT, "", "the user of etcd"),
  ETCD_PASSWORD(Kind.SECRET, "", "the password of the user of etcd"),
  KUBE_SUBNET_MGR(Kind.SWITCH, "false", "take leases from the Kubernetes API instead of etcd"),
  KUBE_API_URL(Kind.TEXT, "", "the Kubernetes API server, unless found otherwise"),
  KUBE_ANNOTATION_PREFIX(
      Kind.TEXT, "flannel.alpha.coreos.com", "how the names of annotations begin in Kubernetes"),
  KUBECONFIG_FILE(Kind.TEXT, "", "how to reach Kubernetes"),
  NET_CONFIG_PATH(
      Kind.TEXT,
      "/etc/kube-flannel/net-conf.json",
      "the file with the network's configuration, for every store but etcd"),
  SET_NODE_NETWORK_UNAVAILABLE(
      Kind.SWITCH, "true", "clear the condition NetworkUnavailable of the node, with Kubernetes"),
  IFACE(Kind.LIST, "", "the underlay interface, by name or address; may be given several times"),
  IFACE_REGEX(
      Kind.LIST,
      "",
      "a regular expression to find the underlay interface by, in addresses, then names; may be given several times"),
  IFACE_CAN_REACH(Kind.TEXT, "", "an address that is reached through the underlay interface"),
  PUBLIC_IP(Kind.TEXT, "", "the IPv4 address that other hosts send to"),
  PUBLIC_IPV6(Kind.TEXT, "", "the IPv6 address that other hosts send to"),
  SUBNET_FILE(
      Kind.TEXT,
      "/run/flannel/subnet.env",
      "the file that CNI plugins and the next start read the own subnet from"),
  SUBNET_LEASE_RENEW_MARGIN(
      Kind.NUMBER,
      "60",
      "how many minutes before its end the lease is renewed, from 1 to 1439; not with Kubernetes"),
  IP_MASQ(Kind.SWITCH, "false", "masquerade traffic that leaves the overlay"),
  IP_MASQ_FULLY_RANDOM_DISABLE(
      Kind.SWITCH, "false", "do not choose the source ports of masqueraded traffic at random"),
  IP_BLACKHOLE_ROUTE(
      Kind.SWITCH, "false", "drop traffic to unassigned addresses of the own subnet"),
  IPTABLES_FORWARD_RULES(Kind.SWITCH, "true", "accept traffic of the overlay in the forward chain"),
  IPTABLES_RESYNC(
      Kind.NUMBER,
      "5",
      "how many seconds pass between looks at rules, routes and forwarding entries, at least 1"),
  HEALTHZ_IP(Kind.TEXT, "0.0.0.0", "the address that /healthz and /readyz are served at"),
  HEALTHZ_PORT(
      Kind.NUMBER, "0", "the port that /healthz and /readyz are served at; 0 for not at all"),
  V(Kind.NUMBER, "0", "how much to log: 0 for what an operator needs, from 1 on for every step"),
  VMODULE(Kind.TEXT, "", "how much to log by source file; not available here"),
  LOG_BACKTRACE_AT(
      "log_backtrace_at", Kind.TEXT, "", "where to log stack traces; not available here"),
  VERSION(Kind.SWITCH, "false", "print the version and exit"),
  HELP(Kind.SWITCH, "false", "print this text and exit");

  private static final ImmutableMap<String, Flag> BY_NAME =
      Arrays.stream(values()).collect(toImmutableMap(flag -> flag.label, Function.identity()));

  /** What a flag takes. */
  enum Kind {
    TEXT,
    /** A text that is in no log and no message. */
    SECRET,
    /** A text; every time that the flag is given adds one. */
    LIST,
    NUMBER,
    /** True or false; without a value, true. */
    SWITCH
  }

  final Kind kind;
  final String preset;
  final String help;
  private final String label;

  Flag(Kind kind, String preset, String help) {
    this(null, kind, preset, help);
  }

  /** The label is null if it is what becomes of the constant's name. */
  Flag(@Nullable String label, Kind kind, String preset, String help) {
    this.label = label == null ? name().toLowerCase(Locale.ROOT).replace('_', '-') : label;
    this.kind = kind;
    this.preset = preset;
    this.help = help;
  }

  static Optional<Flag> named(String name) {
    return Optional.ofNullable(name.equals("h") ? HELP : BY_NAME.get(name));
  }

  /** Returns the flag's name, without dashes before it. */
  String label() {
    return label;
  }

  /** Returns the environment variable that stands for the flag where that is not given; flannel has none for the version. */
  Optional<String> variable() {
    return this == VERSION || this == HELP ? Optional.empty() : Optional.of("FLANNELD_" + name());
  }
}
