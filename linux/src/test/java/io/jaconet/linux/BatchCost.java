package io.jaconet.linux;

import com.google.common.collect.Lists;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;

/** Prints what programming many peers costs, beside what iproute2 needs for the same entries. Run as root; makes own namespaces. */
final class BatchCost {
  private static final int PROTOCOL = 77;
  private static final int O_CLOEXEC = 0x80000;

  private BatchCost() {}

  public static void main(String[] arguments) throws Exception {
    int peers = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 20_000;
    int rounds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 5;
    for (int round = 0; round < rounds; round++) {
      FreshNetworkNamespace.<Exception>inNewNamespace(() -> ours(peers));
      FreshNetworkNamespace.<Exception>inNewNamespace(() -> iproute2(peers));
    }
  }

  /** Keeps the namespace until the process ends: its removal takes seconds, with the kernel's rtnetlink lock held. */
  private static void keepNamespace() throws SyscallException {
    if (LibC.open("/proc/thread-self/ns/net", O_CLOEXEC, 0) < 0) {
      throw new SyscallException("open(/proc/thread-self/ns/net)", LibC.errno());
    }
  }

  private static int device(RtNetlink kernel) throws IOException {
    Link lower = kernel.createVeth("eth0", "far0");
    kernel.addAddress(lower.index(), IpAddress.parse("192.0.2.1"), 24);
    kernel.setUp(lower.index());
    kernel.setUp(kernel.link("far0").orElseThrow().index());
    var settings = new VxlanLink(
        new Vni(7), lower.index(), IpAddress.parse("192.0.2.1"), null, 8472, false, false, false);
    Link device =
        kernel.createVxlan("flannel.7", MacAddress.parse("02:00:00:00:00:07"), 0, settings);
    kernel.setUp(device.index());
    return device.index();
  }

  private static IpAddress gateway(int n) {
    return IpAddress.v4(0x0a000000 + (n << 8));
  }

  private static MacAddress mac(int n) {
    return new MacAddress(0x02_0000_000000L + n);
  }

  private static IpAddress host(int n) {
    return IpAddress.v4(0xc6120000 + n);
  }

  private static void ours(int peers) throws IOException {
    keepNamespace();
    try (var kernel = RtNetlink.open()) {
      int device = device(kernel);
      var kinds = new ArrayList<List<EntryChange>>();
      for (int i = 0; i < 4; i++) {
        kinds.add(new ArrayList<>(peers));
      }
      for (int n = 0; n < peers; n++) {
        kinds
            .get(0)
            .add(EntryChange.replace(new ForwardingEntry.Neighbor(device, gateway(n), mac(n))));
        kinds.get(1).add(EntryChange.replace(new ForwardingEntry.Fdb(device, mac(n), host(n))));
        kinds
            .get(2)
            .add(EntryChange.replace(
                new ForwardingEntry.Nexthop(n + 1, device, gateway(n), PROTOCOL)));
        var prefix = new IpPrefix(gateway(n), 24);
        kinds
            .get(3)
            .add(EntryChange.replace(
                new ForwardingEntry.Route(prefix, device, null, false, n + 1, PROTOCOL, 0)));
      }
      var text = new StringBuilder("jaconet ");
      long total = 0;
      for (var changes : kinds) {
        long start = System.nanoTime();
        var failures = kernel.apply(changes);
        long nanos = System.nanoTime() - start;
        total += nanos;
        text.append(' ').append(millis(nanos));
        if (!failures.isEmpty()) {
          throw new IOException(failures.size() + " failures, first " + failures.get(0));
        }
      }
      text.append(" total ").append(millis(total)).append("  dumps ");
      long start = System.nanoTime();
      int seen = kernel.neighbors(device).size() + kernel.fdb(device).size();
      seen += kernel.nexthops(device).size() + kernel.routes(device, PROTOCOL).size();
      text.append(millis(System.nanoTime() - start)).append(" for ").append(seen);
      start = System.nanoTime();
      for (var changes : Lists.reverse(kinds)) {
        var failures = kernel.apply(
            changes.stream().map(c -> EntryChange.remove(c.entry())).toList());
        if (!failures.isEmpty()) {
          throw new IOException(failures.size() + " failures, first " + failures.get(0));
        }
      }
      System.out.println(text.append("  removal ").append(millis(System.nanoTime() - start)));
    }
  }

  private static void iproute2(int peers) throws Exception {
    keepNamespace();
    try (var kernel = RtNetlink.open()) {
      device(kernel);
    }
    var text = new StringBuilder("iproute2");
    long total = 0;
    for (int kind = 0; kind < 4; kind++) {
      var lines = new ArrayList<String>(peers);
      for (int n = 0; n < peers; n++) {
        lines.add(line(kind, n));
      }
      var batch = Files.createTempFile("batch", ".txt");
      Files.write(batch, lines);
      long start = System.nanoTime();
      Ip.run((kind == 1 ? "bridge" : "ip") + " -batch " + batch);
      long nanos = System.nanoTime() - start;
      Files.delete(batch);
      total += nanos;
      text.append(' ').append(millis(nanos));
    }
    System.out.println(text.append(" total ").append(millis(total)));
  }

  private static String line(int kind, int n) {
    return switch (kind) {
      case 0 ->
        "neigh replace " + gateway(n) + " lladdr " + mac(n) + " dev flannel.7 nud permanent";
      case 1 -> "fdb replace " + mac(n) + " dev flannel.7 dst " + host(n) + " self permanent";
      case 2 ->
        "nexthop replace id " + (n + 1) + " via " + gateway(n)
            + " dev flannel.7 onlink protocol 77";
      default -> "route replace " + gateway(n) + "/24 nhid " + (n + 1) + " protocol 77";
    };
  }

  private static long millis(long nanos) {
    return Math.round(nanos / 1e6);
  }
}
