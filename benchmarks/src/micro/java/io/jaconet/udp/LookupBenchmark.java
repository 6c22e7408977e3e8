package io.jaconet.udp;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import java.util.Random;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Who of 20,000 peers has an address, of each family: addresses come in no order, so that no branch can be foreseen. */
@State(Scope.Thread)
public class LookupBenchmark {
  private static final int PEERS = 20_000;
  private static final int ADDRESSES = 1 << 16;

  private final long[] v4 = new long[ADDRESSES];
  private final long[] v6High = new long[ADDRESSES];
  private ForwardingTable table = ForwardingTable.EMPTY;
  private int next;

  @Setup
  public void fill() {
    var networkV4 = IpAddress.parse("10.0.0.0");
    var networkV6 = IpAddress.parse("fd00:244::");
    var routes = ImmutableMap.<IpPrefix, Endpoint>builder();
    for (int peer = 0; peer < PEERS; peer++) {
      var endpoint = new Endpoint(IpAddress.parse("198.18.0.0").plus(peer), 8285);
      routes.put(new IpPrefix(networkV4.plus((long) peer << 8), 24), endpoint);
      routes.put(new IpPrefix(subnet(networkV6, peer), 64), endpoint);
    }
    table = ForwardingTable.of(routes.buildOrThrow());
    var random = new Random(1);
    for (int i = 0; i < ADDRESSES; i++) {
      int peer = random.nextInt(PEERS);
      v4[i] = networkV4.lowBits() + ((long) peer << 8) + 2;
      v6High[i] = subnet(networkV6, peer).highBits();
    }
  }

  private static IpAddress subnet(IpAddress network, int peer) {
    return IpAddress.v6(network.highBits() + peer, 0);
  }

  @Benchmark
  public int lookupV4() {
    return table.find(false, 0, v4[next++ & ADDRESSES - 1]);
  }

  @Benchmark
  public int lookupV6() {
    return table.find(true, v6High[next++ & ADDRESSES - 1], 2);
  }
}
