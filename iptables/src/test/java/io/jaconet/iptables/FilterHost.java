package io.jaconet.iptables;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.testkit.IptablesManagerContract;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** A network namespace whose packet filter others use as well. */
final class FilterHost implements IptablesManagerContract.Host {
  private static final String NAT_OF_OTHERS = """
      *nat
      :FLANNEL-POSTRTG-OTHER - [0:0]
      -A POSTROUTING -s 198.51.100.0/24 ! -o docker0 -j MASQUERADE
      -A POSTROUTING -m comment --comment "it's \\"quoted\\"" -j FLANNEL-POSTRTG-OTHER
      -A FLANNEL-POSTRTG-OTHER -d 203.0.113.0/24 -j RETURN
      COMMIT
      *filter
      :OTHERS - [0:0]
      -A FORWARD -j OTHERS
      -A OTHERS -p tcp -m tcp --dport 22 -m comment --comment others -j DROP
      COMMIT
      """;
  private static final String NFT_OF_OTHERS = """
      table inet others {
        set addresses { type ipv4_addr; elements = { 203.0.113.1, 203.0.113.2 } }
        chain input { type filter hook input priority 10; policy accept; ip saddr @addresses drop; }
      }
      """;

  private final NetworkNamespace namespace;
  private final Driver driver;
  private final List<HostPacketFilter> managers = new ArrayList<>();

  private FilterHost(NetworkNamespace namespace, Driver driver) {
    this.namespace = namespace;
    this.driver = driver;
  }

  /** Creates a host without any rule. */
  static FilterHost empty(Driver driver) throws IOException {
    return new FilterHost(NetworkNamespace.createAnonymous(), driver);
  }

  /** Creates a host with rules of others, by {@code driver} and by nftables. */
  static FilterHost shared(Driver driver) throws IOException {
    var host = empty(driver);
    host.feed(NFT_OF_OTHERS, "nft", "-f", "-");
    host.feed(NAT_OF_OTHERS, host.iptables("restore"), "--noflush");
    host.feed(
        NAT_OF_OTHERS
            .replace("198.51.100.0/24", "2001:db8:1::/48")
            .replace("203.0.113.0/24", "2001:db8:2::/48"),
        host.iptables("restore").replace("iptables", "ip6tables"),
        "--noflush");
    return host;
  }

  NetworkNamespace namespace() {
    return namespace;
  }

  Driver driver() {
    return driver;
  }

  /** Returns the name of a program of iptables; of the nft flavour, where the driver is nftables. */
  String iptables(String what) {
    var flavour = driver == Driver.IPTABLES_LEGACY ? "iptables-legacy" : "iptables-nft";
    return what.isEmpty() ? flavour : flavour + "-" + what;
  }

  @Override
  public HostPacketFilter manager() {
    try {
      return manager(HostPacketFilter.builder().driver(driver));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Returns what {@code builder} makes, here; closed with the host. */
  HostPacketFilter manager(HostPacketFilter.Builder builder) throws IOException {
    var manager = builder.namespace(namespace).resync(Duration.ofSeconds(1)).build();
    managers.add(manager);
    return manager;
  }

  @Override
  public String dump() throws IOException {
    return iptablesDump("iptables-legacy-save") + iptablesDump("ip6tables-legacy-save") + nftDump();
  }

  /** Returns what there is by one program, without counters. */
  String iptablesDump(String program) throws IOException {
    return run(program)
        .lines()
        .filter(line -> !line.startsWith("#"))
        .map(line -> line.replaceAll("\\[\\d+:\\d+]", ""))
        .collect(Collectors.joining("\n", program + "\n", "\n"));
  }

  private String nftDump() throws IOException {
    return run("nft", "list", "ruleset").replaceAll("packets \\d+ bytes \\d+", "") + "\n"
        + iptablesDump("iptables-nft-save") + iptablesDump("ip6tables-nft-save");
  }

  @Override
  public void damage() throws IOException {
    switch (driver) {
      case NFTABLES -> run("nft", "flush", "chain", "ip", "flannel-ipv4", "postrtg");
      default -> run(iptables(""), "-t", "nat", "-F", "FLANNEL-POSTRTG");
    }
  }

  /** Returns what {@code command} printed to its standard output. */
  String run(String... command) throws IOException {
    return feed("", command);
  }

  /** Returns what a program of iptables printed; {@code arguments} as they would be typed. */
  String runIptables(String arguments) throws IOException {
    var command = ImmutableList.<String>builder()
        .add(iptables(""), "-w")
        .addAll(Rule.split(arguments))
        .build();
    return run(command.toArray(String[]::new));
  }

  String feed(String input, String... command) throws IOException {
    var builder = new ProcessBuilder(
        ImmutableList.<String>builder().add("timeout", "60").add(command).build());
    builder.environment().put("LC_ALL", "C");
    var process = namespace.start(builder);
    try (var stdin = process.getOutputStream()) {
      stdin.write(input.getBytes(UTF_8));
    }
    try (var stdout = process.getInputStream();
        var stderr = process.getErrorStream()) {
      var output = new String(stdout.readAllBytes(), UTF_8);
      var complaint = new String(stderr.readAllBytes(), UTF_8);
      int status = process.waitFor();
      if (status != 0) {
        throw new IOException(String.join(" ", command) + ": " + status + " " + complaint);
      }
      return output;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    for (var manager : managers) {
      manager.close();
    }
    namespace.close();
  }
}
