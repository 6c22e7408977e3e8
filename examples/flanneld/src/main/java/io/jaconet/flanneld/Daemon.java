package io.jaconet.flanneld;

import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.NetworkState.Phase;
import io.jaconet.OverlayNetwork;
import io.jaconet.overlay.SubnetEnv;
import java.io.IOException;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One network of this host, from the lease store's opening to the end. Confined to one thread, but for what tells of health. */
final class Daemon {
  private static final Logger log = LoggerFactory.getLogger(Daemon.class);
  private static final long SUBNET_FILE_CHECK_SECONDS = 10;

  private final Options options;
  private final NotifySocket systemd;
  private final CompletableFuture<@Nullable Void> end;
  private volatile NetworkState state = new NetworkState(Phase.JOINING, "", Instant.now());
  private volatile @Nullable OverlayNetwork network;

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
   * @throws IllegalArgumentException if the lease store that is asked for is not built in
   */
  void run() throws IOException, InterruptedException {
    try (var leases = OpenLeases.open(options.leases())) {
      var health = serveHealth();
      try {
        run(leases);
      } finally {
        if (health != null) {
          health.close();
        }
      }
    }
  }

  private void run(OpenLeases leases) throws IOException, InterruptedException {
    var joining = join(leases);
    awaitFirst(joining);
    if (end.isDone() && !joining.isDone()) {
      systemd.stopping();
      joining.cancel(true);
      return;
    }
    try (var joined = joined(joining)) {
      network = joined;
      stay(joined);
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

  private CompletableFuture<OverlayNetwork> join(OpenLeases leases) throws IOException {
    var rules = options.rules();
    if (rules.forward()) {
      log.warn("Rules that accept the overlay's traffic in the forward chain are not set: they need"
          + " the artifact jaconet-iptables, which this build does not have");
    }
    try {
      return Jaconet.builder()
          .name("flanneld")
          .nodeId(options.nodeId())
          .config(leases.config())
          .subnetManager(leases.manager())
          .underlay(options.underlay())
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
            }
          })
          .join();
    } catch (IllegalArgumentException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private void awaitFirst(CompletableFuture<OverlayNetwork> joining) throws InterruptedException {
    try {
      CompletableFuture.anyOf(joining, end).get();
    } catch (ExecutionException e) {
      // Whoever asks for the network will meet it.
    }
  }

  private static OverlayNetwork joined(CompletableFuture<OverlayNetwork> joining)
      throws IOException, InterruptedException {
    try {
      return joining.get();
    } catch (ExecutionException e) {
      var cause = e.getCause();
      throw new IOException(
          cause == null || cause.getMessage() == null ? String.valueOf(cause) : cause.getMessage(),
          cause);
    }
  }

  private void stay(OverlayNetwork joined) throws InterruptedException {
    keepSubnetFile(joined);
    log.info("joined with {}, MTU {}", joined.lease().subnets(), joined.overlayMtu());
    systemd.ready();
    while (!isOver()) {
      keepSubnetFile(joined);
    }
    systemd.stopping();
  }

  private boolean isOver() throws InterruptedException {
    try {
      end.get(SUBNET_FILE_CHECK_SECONDS, TimeUnit.SECONDS);
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
