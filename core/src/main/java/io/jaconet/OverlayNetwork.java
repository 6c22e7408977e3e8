package io.jaconet;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.RulesStatus;
import io.jaconet.overlay.SubnetEnv;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.Backend;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A network that this host has joined. It looks after itself: renews its lease, follows its peers, mends what others break. All methods
 * may be called from any thread; what they return is a picture of the moment.
 */
public final class OverlayNetwork implements AutoCloseable {
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final NetworkEngine engine;

  OverlayNetwork(NetworkEngine engine) {
    this.engine = engine;
  }

  /** Returns the name of the network within this process. */
  public String name() {
    return engine.settings().name();
  }

  /** Returns the configuration that it was joined with. */
  public NetworkConfig config() {
    return engine.settings().config();
  }

  /** Returns the own lease: the one held, or the last one held if that is lost. */
  public Lease lease() {
    return engine.lease();
  }

  /** Returns the largest inner IP packet in bytes that the overlay carries unfragmented; the MTU for workloads. */
  public int overlayMtu() {
    return engine.overlayMtu();
  }

  /** Returns how the network is doing. */
  public NetworkState state() {
    return engine.state();
  }

  /** Returns the leases of all peers, in the order of their subnets. */
  public ImmutableList<Lease> peers() {
    return engine.peers();
  }

  /** Returns why which peer is not, or not fully, in the kernel. */
  public ImmutableMap<Subnets, String> pending() {
    return engine.pending();
  }

  /** Returns the records of the store that are kept away from the kernel. */
  public ImmutableList<Quarantined> quarantine() {
    return engine.quarantine();
  }

  /** Returns how the rules stand in the packet filter; {@link RulesStatus#NONE} if nobody keeps them. */
  public RulesStatus rules() {
    return engine.rulesStatus();
  }

  /** Returns the counters. */
  public NetworkStats stats() {
    return engine.stats();
  }

  /** Returns what carries the packets, such as which offloads are in use, and what it has counted; see the backend's documentation. */
  public Backend.Status backendStatus() {
    return engine.backendStatus();
  }

  /** Returns what a CNI plugin needs to know of the own lease. */
  public SubnetEnv subnetEnv() {
    return SubnetEnv.of(
        config(), lease().subnets(), overlayMtu(), engine.settings().masquerade());
  }

  /** Leaves, with {@link CloseMode#KEEP}: traffic goes on without this process, and the next start adopts what is there. */
  @Override
  public void close() throws IOException {
    close(CloseMode.KEEP);
  }

  /**
   * Leaves, and waits until that is done, 5 s at most. Whatever happens, the network's threads are told to end. Idempotent.
   *
   * @throws IOException if something could not be cleaned up, or not in time; what was possible is done
   */
  public void close(CloseMode mode) throws IOException {
    try {
      closeAsync(mode).get(CLOSE_LIMIT.toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io
          ? io
          : new IOException("closing " + name(), e.getCause());
    } catch (TimeoutException e) {
      throw new IOException(
          "closing " + name() + " was not done after " + CLOSE_LIMIT + "; it goes on", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("closing " + name());
    } finally {
      engine.stopThreads();
    }
  }

  /** Leaves; the future ends when that is done, and fails if something could not be cleaned up. Idempotent. */
  public CompletableFuture<@Nullable Void> closeAsync(CloseMode mode) {
    if (state().phase() == NetworkState.Phase.CLOSED) {
      return CompletableFuture.completedFuture(null);
    }
    return engine.close(mode);
  }
}
