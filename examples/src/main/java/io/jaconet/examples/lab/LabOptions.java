package io.jaconet.examples.lab;

import com.google.common.collect.ImmutableSet;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.NetworkConfig;
import java.util.ArrayDeque;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the command line asks for.
 *
 * @param mode what to do
 * @param hosts how many hosts to make
 * @param config the network that they join
 * @param underlayMtu the MTU of the network between the hosts, in bytes
 * @param masquerade whether the hosts have rules for their packet filter and a guard, and there is a host outside
 * @param prefix how the names of all namespaces begin, without the dash that follows
 */
record LabOptions(
    Mode mode,
    int hosts,
    NetworkConfig config,
    int underlayMtu,
    boolean masquerade,
    String prefix) {
  static final String HELP = """
      usage: ./jaconet lab [OPTION...]

      Makes hosts and workloads in network namespaces of this machine, joins the hosts to one overlay
      network, and shows who reaches whom. Then removes everything again.

        --hosts N           how many hosts, 2 to 50 (default 3)
        --network CIDR      the overlay's whole prefix (default 10.244.0.0/16, fd42:244::/48); give it once
                            per family
        --ipv6              IPv6 in place of IPv4
        --dual              both
        --backend NAME      how packets travel (default vxlan)
        --data-path WHO     makes VXLAN frames: kernel (default) or user
        --vni N             the VXLAN network identifier, 0 to 16777215 (default 1)
        --direct-routing    without encapsulation between hosts on the same link
        --masq              with rules in the hosts' packet filters, a guard of the tunnel, and a host outside
                            that sees workloads as their hosts
        --mtu BYTES         the MTU between the hosts, 1280 to 65535 (default 1500)
        --hold              stay until Ctrl-C. If a lab that was held got killed, go on with what it left
        --prefix NAME       how the namespaces' names begin: up to 20 lower-case letters and digits
                            (default jaconet; jaconet and the process id without --hold)
        --clean             only remove what labs left that were killed
        --verbose           log what the networks do
        --help              this text

      Exit status: 0 all reach each other, 1 not, 2 an option is wrong.
      """;

  private static final int MIN_HOSTS = 2;
  private static final int MAX_HOSTS = 50;
  private static final int MIN_MTU = 1280;
  private static final int MAX_MTU = 65_535;
  private static final int MAX_VNI = (1 << 24) - 1;
  private static final String DEFAULT_PREFIX = "jaconet";
  private static final Pattern PREFIX = Pattern.compile("[a-z0-9]{1,20}");

  /** What to do. */
  enum Mode {
    CHECK,
    HOLD,
    CLEAN,
    HELP
  }

  /**
   * Reads a command line.
   *
   * @param backends the names of the backends that there are
   * @throws IllegalArgumentException if an option is wrong; says what is allowed
   */
  static LabOptions parse(List<String> arguments, ImmutableSet<String> backends) {
    return new Parser(arguments, backends).parse();
  }

  /** Returns what decides whether a cluster that is there already is the wanted one. */
  String settings() {
    return hosts + " hosts on MTU " + underlayMtu + (masquerade ? ", masqueraded," : "") + " in "
        + config.toJson();
  }

  private static final class Parser {
    private final Queue<String> left;
    private final ImmutableSet<String> backends;
    private final Map<IpFamily, IpPrefix> networks = new EnumMap<>(IpFamily.class);
    private final NetworkConfig.Builder config = NetworkConfig.builder();
    private ImmutableSet<IpFamily> families = ImmutableSet.of();
    private String backend = "vxlan";
    private Mode mode = Mode.CHECK;
    private int hosts = 3;
    private int underlayMtu = 1500;
    private boolean masquerade;
    private @Nullable String prefix;

    Parser(List<String> arguments, ImmutableSet<String> backends) {
      this.left = new ArrayDeque<>(arguments);
      this.backends = backends;
    }

    LabOptions parse() {
      for (var option = left.poll(); option != null; option = left.poll()) {
        take(option);
      }
      enableFamilies();
      config.backend(backend);
      return new LabOptions(mode, hosts, config.build(), underlayMtu, masquerade, prefix());
    }

    private void take(String option) {
      switch (option) {
        case "--hosts" -> hosts = number(option, MIN_HOSTS, MAX_HOSTS, 5);
        case "--network" -> takeNetwork(value(option, "a prefix", "10.244.0.0/16"));
        case "--ipv6" -> families = ImmutableSet.of(IpFamily.V6);
        case "--dual" -> families = ImmutableSet.copyOf(IpFamily.values());
        case "--backend" -> backend = backend(value(option, "one of " + backends, "vxlan"));
        case "--data-path" -> config.option("DataPath", dataPath(option));
        case "--vni" -> config.option("VNI", number(option, 0, MAX_VNI, 42));
        case "--direct-routing" -> config.option("DirectRouting", true);
        case "--masq" -> masquerade = true;
        case "--mtu" -> underlayMtu = number(option, MIN_MTU, MAX_MTU, 9000);
        case "--hold" -> mode = Mode.HOLD;
        case "--prefix" -> prefix = checkPrefix(value(option, "letters and digits", "blue"));
        case "--clean" -> mode = Mode.CLEAN;
        case "--verbose" -> {
          // Taken before loggers come to be.
        }
        case "--help", "-h" -> mode = Mode.HELP;
        default -> throw new IllegalArgumentException("there is no option '" + option + "'");
      }
    }

    private String value(String option, String allowed, String example) {
      var value = left.poll();
      if (value == null) {
        throw wrong(option, "the value is missing", allowed, example);
      }
      return value;
    }

    private static IllegalArgumentException wrong(
        String option, String what, String allowed, String example) {
      return new IllegalArgumentException(option + ": " + what + "; allowed: " + allowed
          + ", for example " + option + " " + example);
    }

    private int number(String option, int min, int max, int example) {
      var allowed = min + " to " + max;
      var text = value(option, allowed, Integer.toString(example));
      try {
        int number = Integer.parseInt(text);
        if (number >= min && number <= max) {
          return number;
        }
      } catch (NumberFormatException e) {
        // The same answer as for a number that is out of range.
      }
      throw wrong(option, "'" + text + "' is not possible", allowed, Integer.toString(example));
    }

    private void takeNetwork(String text) {
      IpPrefix network;
      try {
        network = IpPrefix.parse(text);
      } catch (IllegalArgumentException e) {
        throw wrong(
            "--network",
            "'" + text + "' is not possible",
            "a prefix of either family",
            "10.244.0.0/16");
      }
      if (networks.put(network.family(), network) != null) {
        throw wrong(
            "--network",
            "given twice for " + network.family(),
            "once per family",
            network.toString());
      }
    }

    private String backend(String name) {
      var lowerCase = name.toLowerCase(Locale.ROOT);
      if (!backends.contains(lowerCase)) {
        throw wrong("--backend", "there is no '" + name + "' here", "one of " + backends, "vxlan");
      }
      return lowerCase;
    }

    private String dataPath(String option) {
      var who = value(option, "kernel or user", "user");
      if (!who.equals("kernel") && !who.equals("user")) {
        throw wrong(option, "'" + who + "' is not possible", "kernel or user", "user");
      }
      return who;
    }

    private static String checkPrefix(String name) {
      if (!PREFIX.matcher(name).matches()) {
        throw wrong(
            "--prefix",
            "'" + name + "' is not possible",
            "1 to 20 lower-case letters and digits",
            "blue");
      }
      return name;
    }

    private String prefix() {
      if (prefix != null) {
        return prefix;
      }
      return mode == Mode.HOLD
          ? DEFAULT_PREFIX
          : DEFAULT_PREFIX + ProcessHandle.current().pid();
    }

    private void enableFamilies() {
      if (families.isEmpty()) {
        families = networks.isEmpty()
            ? ImmutableSet.of(IpFamily.V4)
            : ImmutableSet.copyOf(networks.keySet());
      }
      for (var network : networks.values()) {
        if (!families.contains(network.family())) {
          var example = defaultNetwork(families.iterator().next());
          throw wrong(
              "--network",
              network + " is " + network.family(),
              "of " + families,
              example.toString());
        }
      }
      for (var family : families) {
        var network = networks.get(family);
        config.network(network == null ? defaultNetwork(family) : network);
      }
    }

    private static IpPrefix defaultNetwork(IpFamily family) {
      return switch (family) {
        case V4 -> IpPrefix.parse("10.244.0.0/16");
        case V6 -> IpPrefix.parse("fd42:244::/48");
      };
    }
  }
}
