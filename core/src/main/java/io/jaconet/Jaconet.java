package io.jaconet;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.EventLoop;
import io.jaconet.event.ThreadEventLoop;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import io.jaconet.spi.IptablesManager;
import io.jaconet.spi.SubnetManager;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ServiceLoader;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where a host joins an overlay network.
 *
 * <pre>{@code
 * OverlayNetwork network = Jaconet.builder()
 *     .nodeId("host-a")
 *     .config(NetworkConfig.parse("{\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}"))
 *     .subnetManager(StoreSubnetManager.over(store))
 *     .join()
 *     .get();
 * }</pre>
 */
public final class Jaconet {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,252}");

  private Jaconet() {}

  /** Returns a builder; {@code nodeId}, {@code config} and {@code subnetManager} have no default. */
  public static Builder builder() {
    return new Builder();
  }

  /** Says what to join, and joins. Confined to one thread. */
  public static final class Builder {
    private final ImmutableSettings.Builder settings = ImmutableSettings.builder();
    private ThreadFactory threads = Executors.defaultThreadFactory();
    private @Nullable EventLoop loop;
    private @Nullable Executor io;
    private RandomGenerator random = new SplittableRandom();

    private Builder() {}

    /**
     * Names the network within this process, for threads and logs. Default {@code jaconet}.
     *
     * @throws IllegalArgumentException unless it is up to 253 letters, digits, dots, dashes and underscores
     */
    public Builder name(String name) {
      settings.name(checkName("network name", name));
      return this;
    }

    /**
     * Says who this host is: an id that no other node has, and that stays the same over restarts and changes of address, such as a host
     * name. By it a node finds its own lease again.
     *
     * @throws IllegalArgumentException unless it is up to 253 letters, digits, dots, dashes and underscores
     */
    public Builder nodeId(String nodeId) {
      settings.nodeId(checkName("node id", nodeId));
      return this;
    }

    /** Sets the configuration that all hosts of the network share. */
    public Builder config(NetworkConfig config) {
      settings.config(config);
      return this;
    }

    /** Sets who says which host has which subnet. It stays open when the network is closed. */
    public Builder subnetManager(SubnetManager subnetManager) {
      settings.subnetManager(subnetManager);
      return this;
    }

    /** Sets who makes the backend. By default, the provider of the configured type that {@link ServiceLoader} finds. */
    public Builder backendProvider(BackendProvider provider) {
      settings.backendProvider(provider);
      return this;
    }

    /** Sets how the underlay interface is found. Default: the one of the default route. */
    public Builder underlay(UnderlaySelection underlay) {
      settings.underlay(underlay);
      return this;
    }

    /** Sets the network namespace to work in, such as {@code /run/netns/blue}. Default: the process's own. */
    public Builder namespace(Path namespace) {
      settings.namespace(namespace);
      return this;
    }

    /** Sets who keeps the packet filter's rules. Default: nobody does. It stays open when the network is closed. */
    public Builder iptablesManager(IptablesManager manager) {
      settings.iptablesManager(manager);
      return this;
    }

    /** Sets whether packets that leave the overlay get the host's address (flannel's {@code ip-masq}). Default false. */
    public Builder masquerade(boolean masquerade) {
      settings.masquerade(masquerade);
      return this;
    }

    /** Sets whether packets of the overlay are accepted in the forward chain ({@code iptables-forward-rules}). Default true. */
    public Builder forward(boolean forward) {
      settings.forward(forward);
      return this;
    }

    /** Sets whether unassigned addresses of the own subnet are dropped ({@code ip-blackhole-route}). Default false. */
    public Builder blackHole(boolean blackHole) {
      settings.blackHole(blackHole);
      return this;
    }

    /**
     * Sets whether tunnel packets are dropped that come from elsewhere than a peer's public address on the underlay interface, and those
     * that workloads of this host send. Needs an {@link #iptablesManager}. Default false.
     */
    public Builder guard(boolean guard) {
      settings.guard(guard);
      return this;
    }

    /** Sets who is told what happens. */
    public Builder listener(NetworkListener listener) {
      settings.listener(listener);
      return this;
    }

    /** Sets the subnets to ask for if the node has no lease. Default: those in the {@link #subnetFile}, else any. */
    public Builder previousSubnets(Subnets previous) {
      settings.previousSubnets(previous);
      return this;
    }

    /**
     * Sets a file to write for CNI plugins once there is a lease, such as {@code /run/flannel/subnet.env}, and to find the previous subnets in.
     * Default: none.
     */
    public Builder subnetFile(Path file) {
      settings.subnetFile(file);
      return this;
    }

    /**
     * Sets how long before its end the lease is renewed (flannel's {@code subnet-lease-renew-margin}). Default: half its time to live, which
     * is also taken where the margin is not shorter than the time to live. Up to a third of the time until then is left out at random: hosts
     * that came at one moment must not come back at one moment.
     */
    public Builder renewMargin(Duration margin) {
      checkArgument(
          !margin.isNegative() && !margin.isZero(), "the renew margin %s is not positive", margin);
      settings.renewMargin(margin);
      return this;
    }

    /** Sets how often the kernel is compared with what is wanted, even if nothing suggests a difference. Default 10 s. */
    public Builder auditInterval(Duration interval) {
      checkArgument(
          interval.compareTo(Duration.ofSeconds(1)) >= 0,
          "the audit interval %s is below one second",
          interval);
      settings.auditInterval(interval);
      return this;
    }

    /** Sets who makes the network's threads. They are renamed, and made daemons. */
    public Builder threadFactory(ThreadFactory threads) {
      this.threads = requireNonNull(threads);
      return this;
    }

    /**
     * Runs the network on a loop of the caller's, such as a {@link io.jaconet.event.ManualEventLoop}, and its blocking calls on {@code io}.
     * Neither is stopped when the network is closed. Use {@link OverlayNetwork#closeAsync} then: {@code close} would wait for a loop that
     * may need the calling thread.
     */
    public Builder eventLoop(EventLoop loop, Executor io) {
      this.loop = requireNonNull(loop);
      this.io = requireNonNull(io);
      return this;
    }

    /** Sets what the waits between attempts are scattered with. A seed makes a simulation repeatable. */
    public Builder random(RandomGenerator random) {
      this.random = requireNonNull(random);
      return this;
    }

    /**
     * Joins. The future is done once the lease is held and all peers known at that time are in the kernel; an unreachable store is tried
     * again until it answers. It fails, and nothing is left behind, if the network cannot be joined: a wrong option, a kernel that refuses, no
     * free subnet. Cancel it to stop trying.
     *
     * @throws IllegalArgumentException if a backend option is wrong, or no provider of the configured backend type is found
     * @throws IllegalStateException if something without a default was not set
     */
    public CompletableFuture<OverlayNetwork> join() {
      Settings all = settings.build();
      var backend = provider(all)
          .create(new BackendProvider.Context(
              all.name(), all.nodeId(), all.config(), all.underlay(), all.namespace()));
      return engine(all, backend).join();
    }

    private static BackendProvider provider(Settings settings) {
      if (settings.backendProvider() != null) {
        return settings.backendProvider();
      }
      var found = ImmutableList.copyOf(
          ServiceLoader.load(BackendProvider.class, Jaconet.class.getClassLoader()));
      String type = settings.config().backendType();
      for (var provider : found) {
        if (provider.type().equals(type)) {
          return provider;
        }
      }
      throw new IllegalArgumentException("Backend.Type '" + type + "' has no provider here; found: "
          + found.stream().map(BackendProvider::type).toList()
          + ". Add the artifact jaconet-" + type + " to the class path or module path");
    }

    private NetworkEngine engine(Settings all, Backend backend) {
      if (loop != null && io != null) {
        return new NetworkEngine(all, loop, io, () -> {}, backend, random);
      }
      var ownLoop = new ThreadEventLoop(named(threads, "jaconet-" + all.name() + "-loop"));
      var ownIo = Executors.newCachedThreadPool(named(threads, "jaconet-" + all.name() + "-io"));
      Runnable stopThreads = () -> {
        ownLoop.stop();
        ownIo.shutdownNow();
      };
      return new NetworkEngine(all, ownLoop, ownIo, stopThreads, backend, random);
    }

    private static ThreadFactory named(ThreadFactory threads, String name) {
      var made = new AtomicInteger();
      return task -> {
        var thread = threads.newThread(task);
        int n = made.getAndIncrement();
        thread.setName(n == 0 ? name : name + "-" + n);
        thread.setDaemon(true);
        return thread;
      };
    }
  }

  private static String checkName(String what, String name) {
    checkArgument(
        NAME.matcher(name).matches(),
        "%s '%s' is not 1 to 253 letters, digits, dots, dashes and underscores that start with a letter or digit",
        what,
        name.length() > 64 ? name.substring(0, 61) + "..." : name);
    return name;
  }
}
