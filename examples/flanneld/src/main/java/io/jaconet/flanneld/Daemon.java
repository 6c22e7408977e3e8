package io.jaconet.flanneld;

import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.NetworkState.Phase;
import io.jaconet.OverlayNetwork;
import io.jaconet.iptables.HostPacketFilter;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.SubnetEnv;
import io.jaconet.overlay.UnderlaySelection;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One network of this host, from the lease store's opening to the end. Confined to one thread, but for the opening of the store and what tells of health. */
final class Daemon {
  private static final Logger log = LoggerFactory.getLogger(Daemon.class);

  /** As flannel asks for a configuration again. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  /** How long the log has at most one reason for waiting: several endpoints may fail in turns. */
  private static final Duration QUIET = Duration.ofSeconds(15);

  private final Options options;
  private final NotifySocket systemd;
  private final CompletableFuture<@Nullable Void> end;
  private final CompletableFuture<@Nullable Void> begun = new CompletableFuture<>();
  private volatile NetworkState state = new NetworkState(Phase.JOINING, "", Instant.now());
  private volatile @Nullable OverlayNetwork network;
  private Instant complained = Instant.EPOCH;

  /** The network is left when {@code end} is done. */
  Daemon(Options options, NotifySocket systemd, CompletableFuture<@Nullable Void> end) {
    this.options = options;
    this.systemd = systemd;
    this.end = end;
  }

  /**
   * Joins, and stays until the end.
   *
   * @throws IOException if that is not possible
   * @throws IllegalArgumentException if the lease store is described wrongly
   */
  void run() throws IOException, InterruptedException {
    var health = serveHealth();
    try (var leases = open()) {
      if (leases != null) {
        run(leases);
      }
    } finally {
      if (health != null) {
        health.close();
      }
    }
  }

  private @Nullable HealthServer serveHealth() throws IOException {
    if (options.health().isEmpty()) {
      return null;
    }
    return HealthServer.start(
        options.health().get(),
        () -> Health.running(state()),
        () -> Health.ready(state(), subnetFileTrouble()));
  }

  private NetworkState state() {
    var joined = network;
    return joined == null ? state : joined.state();
  }

  /** Opens the lease store, on a thread of its own: one that does not answer must not delay the end. Returns null if that came first. */
  private @Nullable OpenLeases open() throws IOException, InterruptedException {
    var opening = new CompletableFuture<OpenLeases>();
    var opener = new Thread(
        () -> {
          try {
            opening.complete(OpenLeases.open(options.leases(), this::holdUp));
          } catch (IOException | InterruptedException | RuntimeException e) {
            opening.completeExceptionally(e);
          }
        },
        "flanneld-opener");
    opener.setDaemon(true);
    opener.start();
    awaitAny(opening, end);
    // What waits for the store hears of the end as well, and fails then.
    if (end.isDone() && (!opening.isDone() || opening.isCompletedExceptionally())) {
      systemd.stopping();
      opener.interrupt();
      return null;
    }
    return result(opening);
  }

  private void holdUp(String reason) throws InterruptedException {
    var now = Instant.now();
    if (!state.reason().equals(reason)) {
      state = new NetworkState(Phase.JOINING, reason, state.since());
      if (now.isAfter(complained.plus(QUIET))) {
        complained = now;
        log.warn("waits: {}", reason);
      }
    }
    try {
      end.get(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
      throw new InterruptedException("the daemon ends");
    } catch (TimeoutException e) {
      // Whoever asked may try again.
    } catch (ExecutionException e) {
      throw new AssertionError("the end does not fail", e);
    }
  }

  private void run(OpenLeases leases) throws IOException, InterruptedException {
    try (var filter = packetFilter(leases.config())) {
      var joining = join(leases, filter);
      awaitAny(joining, end);
      if (end.isDone() && !joining.isDone()) {
        systemd.stopping();
        joining.cancel(true);
        return;
      }
      try (var joined = result(joining)) {
        network = joined;
        leases.node().joined().accept(joined.lease());
        stay(joined);
      }
    }
  }

  /** Returns what keeps the rules; null if there shall be none, since a host without rules need not have the programs for them. */
  private @Nullable HostPacketFilter packetFilter(NetworkConfig config) throws IOException {
    var rules = options.rules();
    if (!rules.masquerade() && !rules.forward() && !rules.blackHole()) {
      return null;
    }
    if (!config.nftables()) {
      BridgeFilter.missing(Path.of("/proc/sys/net/bridge"), config.families())
          .forEach(file -> log.warn(
              "{} is not there: what containers of this host send each other passes the packet filter by; load br_netfilter",
              file));
    }
    return HostPacketFilter.builder()
        .enableNftables(config.nftables())
        .resync(options.resync())
        .randomFully(rules.randomPorts())
        .build();
  }

  private CompletableFuture<OverlayNetwork> join(
      OpenLeases leases, @Nullable HostPacketFilter filter) throws IOException {
    var rules = options.rules();
    var node = leases.node();
    var builder = Jaconet.builder()
        .name("flanneld")
        .nodeId(node.id().isEmpty() ? options.nodeId() : node.id())
        .config(leases.config())
        .subnetManager(leases.manager())
        .underlay(underlay(node))
        .subnetFile(options.subnetFile())
        .renewMargin(options.renewMargin())
        .masquerade(rules.masquerade())
        .forward(rules.forward())
        .blackHole(rules.blackHole())
        .auditInterval(options.resync())
        .listener(new NetworkListener() {
          @Override
          public void onState(NetworkState now) {
            state = now;
            if (now.phase() != Phase.JOINING) {
              begun.complete(null);
            }
          }
        });
    if (filter != null) {
      builder.iptablesManager(filter);
    }
    try {
      return builder.join();
    } catch (IllegalArgumentException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /** Returns how to find the underlay; where the node itself says what to publish, that counts. */
  private UnderlaySelection underlay(OpenLeases.ThisNode node) {
    var publicIps = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    publicIps.putAll(options.underlay().publicIps());
    publicIps.putAll(node.publicIps());
    return UnderlaySelection.builder()
        .from(options.underlay())
        .publicIps(publicIps)
        .build();
  }

  private static void awaitAny(CompletableFuture<?>... futures) throws InterruptedException {
    try {
      CompletableFuture.anyOf(futures).get();
    } catch (ExecutionException e) {
      // Whoever asks for the result will meet it.
    }
  }

  private static <T> T result(CompletableFuture<T> future)
      throws IOException, InterruptedException {
    try {
      return future.get();
    } catch (ExecutionException e) {
      var cause = e.getCause();
      if (cause instanceof IllegalArgumentException misuse) {
        throw misuse;
      }
      throw new IOException(
          cause == null || cause.getMessage() == null ? String.valueOf(cause) : cause.getMessage(),
          cause);
    }
  }

  private void stay(OverlayNetwork joined) throws InterruptedException {
    keepSubnetFile(joined);
    log.info("joined with {}, MTU {}", joined.lease().subnets(), joined.overlayMtu());
    // The rules may not be set yet.
    awaitAny(begun, end);
    joined.rules().warnings().forEach(warning -> log.warn("packet filter: {}", warning));
    systemd.ready();
    while (!isOver()) {
      keepSubnetFile(joined);
    }
    systemd.stopping();
  }

  private boolean isOver() throws InterruptedException {
    try {
      end.get(options.resync().toNanos(), TimeUnit.NANOSECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (ExecutionException e) {
      throw new AssertionError("the end does not fail", e);
    }
  }

  /** Directories below /run are cleaned by some, and no pod starts on this host without the file. */
  private void keepSubnetFile(OverlayNetwork joined) {
    if (subnetFileTrouble().isEmpty()) {
      return;
    }
    try {
      joined.subnetEnv().write(options.subnetFile());
    } catch (IOException e) {
      log.warn("{} could not be written: {}", options.subnetFile(), e.toString());
    }
  }

  private String subnetFileTrouble() {
    var joined = network;
    var file = options.subnetFile();
    try {
      boolean right = joined != null && SubnetEnv.read(file).equals(joined.subnetEnv());
      return right ? "" : file + " does not tell the own subnet";
    } catch (IOException e) {
      return file + " cannot be read: " + e;
    }
  }
}
