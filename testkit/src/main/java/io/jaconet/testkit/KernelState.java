package io.jaconet.testkit;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.NetworkNamespace;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * Links, addresses, routes, neighbors, nexthops and FDB entries of a network namespace as iproute2 finds them, a line for each, without
 * what the kernel does by itself and without numbers that an object made anew need not have again.
 *
 * @param lines the lines, sorted
 */
public record KernelState(ImmutableList<String> lines) {
  private static final String LOOK =
      "ip -d -o link; ip -o addr; ip -4 route show table all; ip -6 route show table all; ip neigh; ip nexthop; bridge fdb";

  /** Looks at {@code namespace}. */
  public static KernelState of(NetworkNamespace namespace) throws IOException {
    // Errors are of namespaces at the other end of a link that are just ending.
    var process = namespace.start(
        new ProcessBuilder("sh", "-c", LOOK).redirectError(ProcessBuilder.Redirect.DISCARD));
    var text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new KernelState(text.lines()
        .map(line -> line.replaceAll("^[0-9]+: ", "").replaceAll("@if[0-9]+|@eth0", ""))
        .map(line -> line.replaceAll("(nhid|id) 107\\d{7} ", ""))
        // Of a bridge, the kernel changes state and timers as it likes.
        .map(line -> line.replaceAll(" state \\S+( .*?) bridge(_slave)? .*", "$1"))
        // The kernel takes its time to make sure of link-local addresses.
        .filter(line -> !line.contains("fe80") && !line.contains("ff00::/8"))
        .filter(line -> !line.contains("33:33:") && !line.contains("01:00:5e"))
        .sorted()
        .collect(ImmutableList.toImmutableList()));
  }

  /** Returns the lines that are {@code wanted}. */
  public KernelState only(Predicate<String> wanted) {
    return new KernelState(lines.stream().filter(wanted).collect(ImmutableList.toImmutableList()));
  }

  /** Says what has gone and what has come in {@code after}. */
  public String difference(KernelState after) {
    List<String> gone = new ArrayList<>(lines);
    List<String> come = new ArrayList<>(after.lines);
    after.lines.forEach(gone::remove);
    lines.forEach(come::remove);
    return "without " + gone + " and with " + come;
  }
}
