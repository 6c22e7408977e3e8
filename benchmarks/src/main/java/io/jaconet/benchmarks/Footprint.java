package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** What this JVM holds of the machine, and what a host's kernel holds, in numbers by their names. */
record Footprint(ImmutableMap<String, Integer> counts, double heapMib) {
  private static final double MIB = 1 << 20;

  static Footprint of(Host host) throws IOException {
    var name = host.name();
    var counts = ImmutableMap.<String, Integer>builder()
        .put("threads", threads())
        .put("links", Commands.json("ip", "-n", name, "-j", "link").size())
        .put(
            "addresses",
            Commands.json("ip", "-n", name, "-j", "address", "show", "permanent")
                .size())
        .put(
            "routes",
            Commands.json("ip", "-n", name, "-j", "-4", "route", "show", "table", "all")
                .size())
        .put("neighbors", Commands.json("ip", "-n", name, "-j", "neigh").size())
        .put("FDB entries", Commands.json("bridge", "-n", name, "-j", "fdb").size())
        .put("nexthop objects", Commands.json("ip", "-n", name, "-j", "nexthop").size());
    // Twice, because what the first collection finds unreachable may be freed by a cleaner only
    // then.
    System.gc();
    System.gc();
    double heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / MIB;
    var descriptors = descriptors();
    counts.put("open namespaces", (int)
        descriptors.stream().filter(target -> target.startsWith("net:")).count());
    return new Footprint(counts.put("file descriptors", descriptors.size()).buildOrThrow(), heap);
  }

  /** Without the JVM's own for compilation, which come and go, and those that wait for the programs started above. */
  private static int threads() {
    return (int) Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> !thread.getName().equals("process reaper"))
        .count();
  }

  /** Returns what the file descriptors stand for, without the jars, which class loaders open when they first need them. */
  private static ImmutableList<String> descriptors() throws IOException {
    var targets = ImmutableList.<String>builder();
    try (var links = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path link : links) {
        try {
          var target = Files.readSymbolicLink(link).toString();
          if (!target.endsWith(".jar")) {
            targets.add(target);
          }
        } catch (NoSuchFileException e) {
          // Closed since the directory was read, so it does not count.
        }
      }
    }
    return targets.build();
  }

  int count(String name) {
    return counts.getOrDefault(name, 0);
  }
}
