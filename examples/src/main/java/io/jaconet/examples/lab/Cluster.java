package io.jaconet.examples.lab;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.util.concurrent.ThreadFactoryBuilder;
import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.OverlayNetwork;
import io.jaconet.iptables.HostPacketFilter;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.FileLeaseStore;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.Station;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Hosts that have joined one network through one store, all in this JVM, each with a workload whose mirror answers. */
final class Cluster implements AutoCloseable {
  private static final Duration ARRIVAL = Duration.ofSeconds(10);
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final Duration CLOSING = Duration.ofSeconds(30);

  private final LabOptions options;
  private final Fabric fabric;
  private final LeaseStore store;
  private final SubnetManager leases;
  private final Arrivals arrivals = new Arrivals();
  private final List<HostPacketFilter> filters = new ArrayList<>();
  private final List<CompletableFuture<OverlayNetwork>> joins = new ArrayList<>();
  private final Queue<Mirror> mirrors = new ConcurrentLinkedQueue<>();
  private final ExecutorService threads = Executors.newCachedThreadPool(
      new ThreadFactoryBuilder().setDaemon(true).setNameFormat("lab-%d").build());
  private ImmutableList<Node> nodes = ImmutableList.of();
  private @Nullable Host outsider;

  private Cluster(LabOptions options, Fabric fabric, LeaseStore store) {
    this.options = options;
    this.fabric = fabric;
    this.store = store;
    this.leases = StoreSubnetManager.over(store);
  }

  /**
   * Makes the hosts, or takes over those that a lab of the same prefix and settings has left, and joins them all at once.
   *
   * @throws IllegalArgumentException if the backend does not take an option
   * @throws IOException if something could not be made; nothing is left behind
   */
  static Cluster start(LabOptions options, RunDirectory directory)
      throws IOException, InterruptedException {
    boolean hold = options.mode() == LabOptions.Mode.HOLD;
    boolean takeOver = hold && prepareToHold(options, directory);
    var builder = Fabric.builder()
        .prefix(options.prefix() + "-")
        .hosts(options.hosts())
        .underlayMtu(options.underlayMtu());
    var fabric = takeOver ? builder.openOrCreate() : builder.create();
    Cluster cluster;
    try {
      var store = hold ? FileLeaseStore.open(directory.leases()) : new InMemoryLeaseStore();
      cluster = new Cluster(options, fabric, store);
    } catch (IOException | RuntimeException e) {
      undo(fabric, e);
      throw e;
    }
    try {
      cluster.join();
      return cluster;
    } catch (IOException | InterruptedException | RuntimeException e) {
      undo(cluster, e);
      throw e;
    }
  }

  /** Returns whether a killed lab has left what is wanted. If it has left something else, that is removed. */
  private static boolean prepareToHold(LabOptions options, RunDirectory directory)
      throws IOException {
    var left = directory.held();
    boolean wanted = options.settings().equals(left);
    if (left != null && !wanted) {
      Fabric.removeLeftovers(options.prefix() + "-");
      directory.forgetLeases();
    }
    directory.hold(options.settings());
    return wanted;
  }

  private static void undo(AutoCloseable made, Exception cause) {
    try {
      made.close();
    } catch (Exception e) {
      cause.addSuppressed(e);
    }
  }

  private void join() throws IOException, InterruptedException {
    if (options.masquerade()) {
      outsider = fabric.attachOutsider();
      for (var family : options.config().families()) {
        mirrors.add(Mirror.open(outsider, outsider.address(family)));
      }
    }
    int number = 1;
    for (var host : fabric.hosts()) {
      joins.add(join(host, "host-" + number++));
    }
    var equipped = new ArrayList<CompletableFuture<Node>>();
    for (int i = 0; i < joins.size(); i++) {
      var host = fabric.hosts().get(i);
      equipped.add(joins.get(i).thenApplyAsync(network -> equip(host, network), threads));
    }
    var all = ImmutableList.<Node>builder();
    for (var node : equipped) {
      all.add(outcome(node));
    }
    nodes = all.build();
    arrivals.await(ARRIVAL, this::isComplete);
  }

  private CompletableFuture<OverlayNetwork> join(Host host, String id) throws IOException {
    var builder = Jaconet.builder()
        .name(id)
        .nodeId(id)
        .config(options.config())
        .namespace(Path.of("/run/netns", host.name()))
        .subnetManager(leases)
        .listener(arrivals);
    if (options.masquerade()) {
      var filter = HostPacketFilter.builder().namespace(host.namespace()).build();
      filters.add(filter);
      builder.iptablesManager(filter).masquerade(true).guard(true);
    }
    return builder.join();
  }

  private boolean isComplete() {
    return nodes.stream()
        .map(Node::network)
        .allMatch(network -> network.peers().size() == nodes.size() - 1
            && network.state().phase() == NetworkState.Phase.UP);
  }

  private Node equip(Host host, OverlayNetwork network) {
    try {
      var subnets = network.lease().subnets().prefixes().toArray(IpPrefix[]::new);
      var workload = host.attachWorkload(network.overlayMtu(), subnets);
      for (var address : workload.addresses().values()) {
        mirrors.add(Mirror.open(workload, address));
      }
      return new Node(host, network, workload);
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  private static <T> T outcome(Future<T> future) throws IOException, InterruptedException {
    try {
      return future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IllegalArgumentException wrong) {
        throw wrong;
      }
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    }
  }

  /** Returns whether the hosts are those that a killed lab has left. */
  boolean isTakenOver() {
    return fabric.isTakenOver();
  }

  ImmutableList<Node> nodes() {
    return nodes;
  }

  /** Asks every workload, and the host outside if there is one, from every host and from every workload. */
  ImmutableList<Probe> probe() throws IOException, InterruptedException {
    var workloads = nodes.stream().map(Node::workload).collect(toImmutableList());
    var stations = ImmutableList.<Station>builder()
        .addAll(fabric.hosts())
        .addAll(workloads)
        .build();
    var outside = outsider;
    var targets = outside == null
        ? workloads
        : ImmutableList.<Station>builder().addAll(workloads).add(outside).build();
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    var families = options.config().families();
    var tasks = stations.stream()
        .map(station -> (Callable<ImmutableList<Probe>>)
            () -> Probe.all(station, targets, families, seenAs(station), deadline))
        .toList();
    // Few at a time: they would measure how they wait for each other.
    var askers =
        Executors.newFixedThreadPool(Math.max(2, Runtime.getRuntime().availableProcessors()));
    try {
      var probes = ImmutableList.<Probe>builder();
      for (var future : askers.invokeAll(tasks)) {
        probes.addAll(outcome(future));
      }
      return probes.build();
    } finally {
      askers.shutdownNow();
    }
  }

  /** Outside of the overlay a workload is its host. */
  private ImmutableMap<Station, Station> seenAs(Station from) {
    var outside = outsider;
    if (outside == null) {
      return ImmutableMap.of();
    }
    return nodes.stream()
        .filter(node -> node.workload() == from)
        .findFirst()
        .map(node -> ImmutableMap.<Station, Station>of(outside, node.host()))
        .orElse(ImmutableMap.of());
  }

  /** Lets go of the networks and removes all hosts and workloads, and with them what the networks made in the kernel. */
  @Override
  public void close() throws IOException {
    // Whoever interrupts wants the end sooner, not half of it.
    boolean interrupted = Thread.interrupted();
    try {
      closeAll();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void closeAll() throws IOException {
    IOException failure = null;
    for (AutoCloseable part : ImmutableList.<AutoCloseable>of(this::leave, leases, store, fabric)) {
      try {
        part.close();
      } catch (Exception e) {
        if (failure == null) {
          failure = e instanceof IOException io ? io : new IOException(e);
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private void leave() throws IOException {
    joins.forEach(join -> join.cancel(false));
    threads.shutdown();
    mirrors.forEach(Mirror::close);
    var closing = joins.stream()
        .filter(join -> !join.isCompletedExceptionally())
        .map(join -> join.join().closeAsync(CloseMode.KEEP))
        .toArray(CompletableFuture<?>[]::new);
    try {
      CompletableFuture.allOf(closing).get(CLOSING.toSeconds(), TimeUnit.SECONDS);
      threads.awaitTermination(CLOSING.toSeconds(), TimeUnit.SECONDS);
      for (var filter : filters) {
        filter.close();
      }
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("a network was not closed", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits for what networks tell. */
  private static final class Arrivals implements NetworkListener {
    @Override
    public synchronized void onState(NetworkState state) {
      notifyAll();
    }

    @Override
    public synchronized void onPeer(@Nullable Lease before, @Nullable Lease after) {
      notifyAll();
    }

    /** Returns when {@code condition} holds, which may change with every call, or when {@code limit} has passed. */
    synchronized void await(Duration limit, BooleanSupplier condition) throws InterruptedException {
      long end = System.nanoTime() + limit.toNanos();
      for (long left = limit.toMillis(); left > 0 && !condition.getAsBoolean(); ) {
        wait(left);
        left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      }
    }
  }
}
