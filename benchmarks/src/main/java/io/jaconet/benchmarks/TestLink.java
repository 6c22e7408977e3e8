package io.jaconet.benchmarks;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.testkit.Exchange;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.Station;
import io.jaconet.testkit.Workload;
import java.io.IOException;

/** Two hosts of a fabric with a workload each, between which no packets travel until somebody sees to it. */
final class TestLink {
  static final int UNDERLAY_MTU = 1500;

  private final Fabric fabric;
  private final Workload here;
  private final Workload there;

  TestLink(Fabric fabric) throws IOException {
    this.fabric = fabric;
    here = fabric.host(1).attachWorkload(UNDERLAY_MTU, subnet(1));
    there = fabric.host(2).attachWorkload(UNDERLAY_MTU, subnet(2));
  }

  /** Returns the subnet of the host with this number, 1 or 2. */
  static IpPrefix subnet(int number) {
    return IpPrefix.parse("10.244." + number + ".0/24");
  }

  Host host(int number) {
    return fabric.host(number);
  }

  IpAddress underlayAddress(int number) {
    return host(number).address(IpFamily.V4);
  }

  Workload here() {
    return here;
  }

  Workload there() {
    return there;
  }

  /** Returns the address to send to. */
  String target() {
    return there.address(IpFamily.V4).toString();
  }

  /** Sets the MTU of both workloads. */
  void setWorkloadMtu(int mtu) throws IOException {
    for (Workload workload : new Workload[] {here, there}) {
      run(workload, "ip", "link", "set", "eth0", "mtu", Integer.toString(mtu));
    }
  }

  /** Has the hosts send packets that the kernel joined as {@code mode} does. */
  void set(LinkMode mode) throws IOException {
    for (Host host : fabric.hosts()) {
      run(host, "ip", "link", "set", "eth0", "gso_max_segs", Integer.toString(mode.maxSegments()));
    }
  }

  /** Returns how many TCP segments with a wrong checksum both workloads have received so far. */
  long tcpChecksumErrors() throws IOException {
    return Exchange.tcpChecksumErrors(here) + Exchange.tcpChecksumErrors(there);
  }

  static void run(Station station, String... command) throws IOException {
    var outcome = station.run(command);
    if (!outcome.ok()) {
      throw new IOException(String.join(" ", command) + ": " + outcome.output());
    }
  }

  /** Waits until a packet has gone there and back. */
  void awaitPath() throws IOException {
    here.awaitAnswerFrom(there.address(IpFamily.V4));
  }

  /** Waits until the workload there listens for iperf3. */
  void awaitListener() throws IOException {
    run(
        there,
        "sh",
        "-c",
        "for i in $(seq 200); do ss -ltnH 'sport = 5201' | grep -q . && exit 0; sleep 0.02; done; exit 1");
  }
}
