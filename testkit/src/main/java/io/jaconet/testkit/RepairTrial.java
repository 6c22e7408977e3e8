package io.jaconet.testkit;

import com.google.common.collect.ImmutableList;
import io.jaconet.Drift;
import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState.Phase;
import io.jaconet.NetworkStats.Counter;
import io.jaconet.OverlayNetwork;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.BackendProvider;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;

/**
 * A host that has joined a network of nine peers in a real kernel, and whose objects others damage. Audits come once an hour, so what is
 * mended is mended because the kernel announced the damage. iproute2 does the damage, and looks.
 */
public final class RepairTrial implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(8);
  private static final Duration POLL = Duration.ofMillis(10);
  private static final int PEERS = 9;

  /** What a damage may say although it is done: the repair was faster than the rest of the command. */
  private static final Pattern OVERTAKEN = Pattern.compile("(Flushed .*|.*File exists\\.?|\\s)*");

  private final NamespaceHost host;
  private final OverlayNetwork network;
  private final BlockingQueue<Drift> drifts = new LinkedBlockingQueue<>();
  private Duration lastRecovery = Duration.ZERO;

  private RepairTrial(NamespaceHost host, BackendProvider provider, UnderlaySelection underlay)
      throws Exception {
    this.host = host;
    var leases = new FakeSubnetManager(null);
    for (int n = 1; n <= PEERS; n++) {
      Lease peer = host.peer(n);
      leases.put(peer.subnets(), peer.attributes(), "node-" + n);
    }
    this.network = Jaconet.builder()
        .nodeId("node-a")
        .config(host.config())
        .backendProvider(provider)
        .underlay(underlay)
        .namespace(host.path())
        .subnetManager(leases)
        .previousSubnets(host.peer(0).subnets())
        .auditInterval(Duration.ofHours(1))
        .listener(new NetworkListener() {
          @Override
          public void onDrift(Drift drift) {
            drifts.add(drift);
          }
        })
        .join()
        .get(30, TimeUnit.SECONDS);
  }

  /** Joins on {@code eth0} of {@code host}, where others have objects of their own too. */
  public static RepairTrial on(NamespaceHost host, BackendProvider provider) throws Exception {
    return on(host, provider, UnderlaySelection.ofInterface("eth0"));
  }

  /** Joins on an underlay that is found by {@code underlay}. */
  public static RepairTrial on(
      NamespaceHost host, BackendProvider provider, UnderlaySelection underlay) throws Exception {
    plantForeign(host);
    return new RepairTrial(host, provider, underlay);
  }

  private static void plantForeign(NamespaceHost host) throws IOException {
    host.run(
        "sh",
        "-c",
        "ip link set lo up; ip route add 10.244.200.0/24 via 192.0.2.254; ip route add 198.51.100.0/24 via 192.0.2.254;"
            + " ip neigh add 192.0.2.77 lladdr 02:77:00:00:00:01 dev eth0 nud permanent;"
            + " ip nexthop add id 5 via 192.0.2.254 dev eth0; ip link add flannel.9 type vxlan id 9 dstport 4790;"
            + " bridge fdb add 02:77:00:00:00:02 dev flannel.9 dst 192.0.2.78; ip link add br0 type bridge;"
            + " ip -6 route add 2001:db8:77::/64 via 2001:db8::fe dev eth0");
  }

  /** Returns the network. */
  public OverlayNetwork network() {
    return network;
  }

  /**
   * Has a shell do damage, and waits until everything in the namespace is as it was before.
   *
   * @param maxWrites how many entries may be written to mend it
   * @return what is wrong then; empty if all is well
   */
  public String damage(String command, long maxWrites) throws Exception {
    var before = snapshot();
    long writesBefore = writes();
    drifts.clear();

    String output = host.run("sh", "-c", command);
    boolean mended = await(() -> snapshot().equals(before));

    long writes = writes() - writesBefore;
    if (!OVERTAKEN.matcher(output).matches()) {
      return command + " says " + output + "\n";
    }
    if (!mended) {
      return command + " leaves " + before.difference(snapshot()) + "\n";
    }
    if (drifts.poll(LIMIT.toSeconds(), TimeUnit.SECONDS) == null) {
      return command + " was not told of\n";
    }
    return writes > maxWrites ? command + " took " + writes + " writes\n" : "";
  }

  /**
   * Has a shell do something to what the network stands on, and waits until all that it has in the kernel is as it was before, and it says
   * that it is up.
   *
   * @return what is wrong then; empty if all is well
   */
  public String outlast(String command) throws Exception {
    var before = own();

    String output = host.run("sh", "-c", command);
    long since = System.nanoTime();
    boolean whole = await(() -> network.state().phase() == Phase.UP && own().equals(before));
    lastRecovery = Duration.ofNanos(System.nanoTime() - since);

    if (!output.isEmpty()) {
      return command + " says " + output + "\n";
    }
    return whole
        ? ""
        : command + " leaves " + network.state() + ", " + before.difference(own()) + "\n";
  }

  /** Returns how long it took, after the last command that was outlasted, until all was well; what it takes to look included. */
  public Duration lastRecovery() {
    return lastRecovery;
  }

  /** Returns what of the {@link #snapshot} is the network's. */
  private KernelState own() {
    return snapshot().only(line -> line.contains("flannel") && !line.contains("flannel.9"));
  }

  private long writes() {
    return network.stats().get(Counter.KERNEL_WRITES);
  }

  /** Waits until {@code condition} holds, for some seconds; returns false if it does not. */
  public boolean await(BooleanSupplier condition) {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        return false;
      }
      LockSupport.parkNanos(POLL.toNanos());
    }
    return true;
  }

  private KernelState snapshot() {
    try {
      return KernelState.of(host.namespace());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns what was mended since the last damage began. */
  public ImmutableList<Drift> drifts() {
    return ImmutableList.copyOf(drifts);
  }

  /** Leaves the network. */
  @Override
  public void close() throws IOException {
    network.close(CloseMode.PURGE);
  }
}
