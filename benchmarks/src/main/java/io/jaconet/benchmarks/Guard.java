package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.iptables.HostPacketFilter;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.UnderlayGuard;
import io.jaconet.testkit.Fabric;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;

/** What the guard of the underlay takes of the throughput of the kernel's VXLAN, in alternating rounds. */
final class Guard implements Benchmark {
  private static final int TUNNEL_PORT = 8472;
  private static final double BAR = 0.03;

  @Override
  public String name() {
    return "guard";
  }

  @Override
  public String purpose() {
    return "throughput of the kernel's VXLAN with and without the guard of the underlay";
  }

  @Override
  public void run(Options options, Hosts hosts, Report report) throws Exception {
    var off = new Samples();
    var on = new Samples();
    try (var fabric = Fabric.builder().create()) {
      var link = new TestLink(fabric);
      try (var path = DataPathKind.KERNEL_VXLAN.open(link);
          var first =
              HostPacketFilter.builder().namespace(link.host(1).namespace()).build();
          var second =
              HostPacketFilter.builder().namespace(link.host(2).namespace()).build()) {
        link.awaitPath();
        measure(link); // warms the processors up
        for (int round = 0; round < options.rounds().orElse(Options.ROUNDS); round++) {
          // Off, on, on, off: what changes steadily falls on both alike.
          off.add(measure(link));
          first.guard(guard(link.underlayAddress(2)));
          second.guard(guard(link.underlayAddress(1)));
          on.add(measure(link));
          on.add(measure(link));
          first.guard(null);
          second.guard(null);
          off.add(measure(link));
        }
        report.add(path.toString(), "TCP, guard off", "Mbit/s", off);
        report.add(path.toString(), "TCP, guard on", "Mbit/s", on);
      }
    }
    double ratio = on.median() / off.median();
    report.add("kernel-vxlan", "guard on / guard off", "ratio", ratio);
    report.addBar("share of the throughput that the guard takes", 1 - ratio, BAR, "");
  }

  private static double measure(TestLink link) throws IOException {
    return new Traffic(link, Duration.ofSeconds(2))
        .measure(Set.of(PathTest.TCP1))
        .values()
        .iterator()
        .next();
  }

  private static UnderlayGuard guard(IpAddress peer) {
    return new UnderlayGuard(
        ImmutableSet.of(TUNNEL_PORT),
        "eth0",
        ImmutableMap.of(IpFamily.V4, IpPrefix.parse("10.244.0.0/16")),
        ImmutableSet.of(peer));
  }
}
