package io.jaconet.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.util.List;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;

/**
 * Others who do to a packet filter what administrators, firewalls and container engines do, without regard for rules that have flannel's
 * names: flush everything, delete a table, delete or duplicate a rule, drop before it, set a policy, load a firewall of their own. Reads
 * the packet filter by its own programs and shares no code with what keeps the rules.
 */
public final class RuleWar {
  private static final ImmutableList<Act> ACTS = ImmutableList.copyOf(Act.values());
  private static final String FIREWALL = """
      *filter
      :INPUT ACCEPT [0:0]
      :FORWARD ACCEPT [0:0]
      :OUTPUT ACCEPT [0:0]
      -A FORWARD -p tcp -m tcp --dport 22 -j DROP
      -A FORWARD -j REJECT
      COMMIT
      """;

  private final NetworkNamespace namespace;
  private final Arms arms;
  private final RandomGenerator random;

  /** By what both sides write their rules. */
  public enum Arms {
    /** iptables-legacy. */
    IPTABLES_LEGACY,
    /** iptables-nft. */
    IPTABLES_NFT,
    /** nft. */
    NFTABLES
  }

  /** What the others do. */
  public enum Act {
    /** Removes every rule of everybody. */
    FLUSH_ALL,
    /** Removes our chains or our table. */
    DELETE_TABLE,
    /** Removes one of our rules. */
    DELETE_RULE,
    /** Drops all packets in front of our rules. */
    INSERT_DROP,
    /** Adds a rule of ours, or what leads to them, once more. */
    DUPLICATE,
    /** Drops what no rule decides on. */
    SET_POLICY,
    /** Loads a ruleset of one's own in place of what is there, as firewalld does. */
    RELOAD
  }

  /** Creates others who act inside {@code namespace}. */
  public RuleWar(NetworkNamespace namespace, Arms arms, RandomGenerator random) {
    this.namespace = namespace;
    this.arms = arms;
    this.random = random;
  }

  /** Does something at random, and says what. */
  public String act() throws IOException {
    var act = ACTS.get(random.nextInt(ACTS.size()));
    var family = random.nextBoolean() ? IpFamily.V4 : IpFamily.V6;
    if (arms == Arms.NFTABLES) {
      nft(act, family);
    } else {
      iptables(act, family);
    }
    return act + " " + family;
  }

  private void nft(Act act, IpFamily family) throws IOException {
    var table = family == IpFamily.V4 ? "ip flannel-ipv4" : "ip6 flannel-ipv6";
    var chain = table + (random.nextBoolean() ? " postrtg" : " forward");
    feedNft(
        switch (act) {
          case FLUSH_ALL -> "flush ruleset";
          case DELETE_TABLE -> "delete table " + table;
          case DELETE_RULE -> "delete rule " + chain + " handle " + anyHandle(chain);
          case INSERT_DROP -> "insert rule " + table + " forward drop";
          case DUPLICATE -> "add rule " + table + " postrtg meta mark 0x4000 return";
          case SET_POLICY -> "add chain " + table + " forward { policy drop; }";
          case RELOAD ->
            "flush ruleset\ntable inet firewall { chain input"
                + " { type filter hook input priority 0; ct state invalid drop; }; }";
        });
  }

  private int anyHandle(String chain) throws IOException {
    var handles = feed("", "nft -a list chain " + chain)
        .lines()
        .filter(line -> line.contains("# handle") && !line.contains("{"))
        .map(line -> Integer.parseInt(line.substring(line.lastIndexOf(' ') + 1)))
        .toList();
    return handles.get(random.nextInt(handles.size()));
  }

  private void feedNft(String commands) throws IOException {
    feed(commands, "nft -f -");
  }

  private void iptables(Act act, IpFamily family) throws IOException {
    boolean masquerade = random.nextBoolean();
    var hook = masquerade ? "POSTROUTING" : "FORWARD";
    var chain = masquerade ? "FLANNEL-POSTRTG" : "FLANNEL-FWD";
    var table = masquerade ? "nat" : "filter";
    var comment = masquerade ? "flanneld masq" : "flanneld forward";
    var jump = " " + hook + " -m comment --comment \"" + comment + "\" -j " + chain + "\n";
    switch (act) {
      case FLUSH_ALL -> {
        restore(family, "*nat\n-F\n-X\nCOMMIT\n*filter\n-F\n-X\nCOMMIT\n");
        if (arms == Arms.IPTABLES_NFT) {
          feedNft("flush ruleset");
        }
      }
      case DELETE_TABLE ->
        restore(
            family, "*" + table + "\n-D" + jump + "-F " + chain + "\n-X " + chain + "\nCOMMIT\n");
      case DELETE_RULE ->
        restore(
            family, "*" + table + "\n-D " + chain + " " + (1 + random.nextInt(2)) + "\nCOMMIT\n");
      case INSERT_DROP -> restore(family, "*filter\n-I FORWARD 1 -j DROP\nCOMMIT\n");
      case DUPLICATE -> restore(family, "*" + table + "\n-A" + jump + "COMMIT\n");
      case SET_POLICY -> restore(family, "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n");
      case RELOAD -> feed(FIREWALL, program(family, "restore") + " -w 10");
    }
  }

  private String program(IpFamily family, String what) {
    return (family == IpFamily.V4 ? "iptables-" : "ip6tables-")
        + (arms == Arms.IPTABLES_LEGACY ? "legacy-" : "nft-")
        + what;
  }

  private void restore(IpFamily family, String text) throws IOException {
    feed(text, program(family, "restore") + " --noflush -w 10");
  }

  /** Returns our rules of both families, and what leads to them; equal texts mean equal rules in equal places. */
  public String ours() throws IOException {
    if (arms == Arms.NFTABLES) {
      var ruleset = feed("", "nft list tables");
      var ours = new StringBuilder();
      for (var table : List.of("ip flannel-ipv4", "ip6 flannel-ipv6")) {
        if (ruleset.contains("table " + table)) {
          ours.append(feed("", "nft list table " + table));
        }
      }
      return ours.toString();
    }
    var ours = new StringBuilder();
    for (var family : IpFamily.values()) {
      ours.append(ours(feed("", program(family, "save")).lines().toList()));
    }
    return ours.toString();
  }

  /** In the order of the tables' names: which one is printed first depends on which one was made first. */
  private static String ours(List<String> lines) {
    var ours = new TreeMap<String, StringBuilder>();
    var table = "";
    boolean shadowed = false;
    for (var line : lines) {
      if (line.startsWith("*")) {
        table = line;
        shadowed = false;
      }
      shadowed |= line.equals("-A FORWARD -j DROP") || line.startsWith("-A FORWARD -j REJECT");
      if (isOurs(line)) {
        boolean behind = shadowed && line.startsWith("-A FORWARD");
        ours.computeIfAbsent(table, t -> new StringBuilder())
            .append(line.replaceAll("\\[.*", ""))
            .append(behind ? " behind a drop\n" : "\n");
      }
    }
    return String.join("", ours.values());
  }

  private static boolean isOurs(String line) {
    return line.startsWith(":FLANNEL-POSTRTG ")
        || line.startsWith(":FLANNEL-FWD ")
        || line.startsWith("-A") && line.contains("flanneld ");
  }

  /** Returns all rules, chains and policies of others. */
  public String foreign() throws IOException {
    if (arms == Arms.NFTABLES) {
      return foreignTables(ImmutableSet.of("ip flannel-ipv4", "ip6 flannel-ipv6"));
    }
    var foreign = new StringBuilder();
    for (var family : IpFamily.values()) {
      for (var line : feed("", program(family, "save")).lines().toList()) {
        boolean rule = line.startsWith("-A") && !isOurs(line);
        boolean chain = line.startsWith(":") && !isOurs(line) && !line.contains(" ACCEPT ");
        if (rule || chain) {
          foreign.append(line.replaceAll("\\[.*", "")).append('\n');
        }
      }
    }
    return foreign + foreignTables(ImmutableSet.of());
  }

  /** Tables of iptables-nft are left to it: it makes those that it needs. */
  private String foreignTables(ImmutableSet<String> ours) throws IOException {
    var foreign = new StringBuilder();
    var tables = feed("", "nft list tables")
        .lines()
        .map(line -> line.replace("table ", "").strip())
        .filter(table -> !table.isEmpty() && !ours.contains(table))
        .filter(table -> !table.matches("ip6? (nat|filter|mangle|raw)"))
        .collect(Collectors.toList());
    for (var table : tables) {
      foreign.append(feed("", "nft list table " + table));
    }
    return foreign.toString();
  }

  private String feed(String input, String command) throws IOException {
    var words = ImmutableList.copyOf(command.split(" ", -1));
    var builder = new ProcessBuilder(words).redirectErrorStream(false);
    builder.environment().put("LC_ALL", "C");
    var process = namespace.start(builder);
    try (var stdin = process.getOutputStream()) {
      stdin.write(input.getBytes(UTF_8));
    }
    try (var stdout = process.getInputStream();
        var stderr = process.getErrorStream()) {
      var output = new String(stdout.readAllBytes(), UTF_8);
      var complaint = new String(stderr.readAllBytes(), UTF_8);
      if (process.waitFor() != 0) {
        throw new IOException(command + ": " + complaint.strip());
      }
      return output;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for " + command, e);
    }
  }
}
