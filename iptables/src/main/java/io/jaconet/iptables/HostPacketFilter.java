package io.jaconet.iptables;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.overlay.RulesStatus;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.overlay.UnderlayGuard;
import io.jaconet.spi.IptablesManager;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The packet filter of this host, or of one of its network namespaces: keeps a network's rules with iptables or nftables, whichever the
 * host uses, and sees to it that they stay as they are.
 *
 * <p>The rules have flannel's names and words, so there is one network's worth of them in a network namespace; a flanneld that is
 * started later takes them over. What others change is known at once where rules are in nftables, also through iptables-nft, and looked
 * for in intervals where they are in the tables of iptables-legacy.
 *
 * <p>Thread-safe; a call waits for the one that is under way.
 */
public final class HostPacketFilter implements IptablesManager, AutoCloseable {
  private final NetworkNamespace namespace;
  private final boolean ownsNamespace;
  private final InstalledRules installed;
  private volatile RulesStatus status = RulesStatus.NONE;
  private @Nullable DriftWatch watch;
  private boolean closed;

  private HostPacketFilter(Builder builder) throws IOException {
    var given = builder.namespace;
    this.ownsNamespace = given == null;
    this.namespace = given == null ? NetworkNamespace.current() : given;
    this.installed = new InstalledRules(namespace, builder);
  }

  /** Returns a builder; everything has a default. */
  public static Builder builder() {
    return new Builder();
  }

  /** Says how rules are kept. */
  public static final class Builder {
    private @Nullable NetworkNamespace namespace;
    Duration resync = Duration.ofSeconds(5);

    @Nullable
    Driver driver;

    boolean enableNftables;
    boolean randomFully = true;

    @Nullable
    PortRange masqueradePorts;

    ImmutableList<Path> searchPath = Programs.searchPath();

    private Builder() {}

    /** Sets the network namespace whose packet filter it is; it stays the caller's to close. Default: the process's own. */
    public Builder namespace(NetworkNamespace namespace) {
      this.namespace = requireNonNull(namespace);
      return this;
    }

    /** Sets whether rules are kept with nftables whatever the host uses (flannel's {@code EnableNFTables}). Default false. */
    public Builder enableNftables(boolean enable) {
      this.enableNftables = enable;
      return this;
    }

    /** Sets what rules are kept with, in place of a choice by what is on the host. */
    public Builder driver(Driver driver) {
      this.driver = requireNonNull(driver);
      return this;
    }

    /**
     * Sets how often to look for changes that nobody tells of (flannel's {@code iptables-resync}). Default 5 s.
     *
     * @throws IllegalArgumentException if it is below one second
     */
    public Builder resync(Duration interval) {
      checkArgument(
          interval.compareTo(Duration.ofSeconds(1)) >= 0,
          "the resync interval %s is below one second",
          interval);
      this.resync = interval;
      return this;
    }

    /**
     * Sets whether masquerading picks source ports at random where the host's programs can say so, so that connections that begin at the
     * same time do not run for the same port. Default true.
     */
    public Builder randomFully(boolean randomFully) {
      this.randomFully = randomFully;
      return this;
    }

    /** Sets where masquerading takes source ports of TCP and UDP from, such as a range without the tunnel's port. Default: any. */
    public Builder masqueradePorts(PortRange ports) {
      this.masqueradePorts = requireNonNull(ports);
      return this;
    }

    /** Sets where the programs of iptables and nftables are looked for. */
    Builder searchPath(Path... directories) {
      this.searchPath = ImmutableList.copyOf(directories);
      return this;
    }

    /**
     * Creates the packet filter; nothing is looked at or changed before the first call.
     *
     * @throws IOException if the network namespace of the process cannot be opened
     */
    public HostPacketFilter build() throws IOException {
      return new HostPacketFilter(this);
    }
  }

  private interface Work<T> {
    T run() throws IOException;
  }

  private synchronized <T> T locked(Work<T> work) throws IOException {
    checkState(!closed, "the packet filter is closed");
    try {
      return work.run();
    } finally {
      status = installed.status();
    }
  }

  @Override
  public void apply(TrafficRules rules) throws IOException {
    locked(() -> {
      installed.apply(rules);
      return true;
    });
  }

  @Override
  public void guard(@Nullable UnderlayGuard guard) throws IOException {
    locked(() -> {
      installed.guard(guard);
      return true;
    });
  }

  @Override
  public ImmutableList<String> check() throws IOException {
    return locked(installed::check);
  }

  @Override
  public synchronized Closeable watch(Runnable due) throws IOException {
    checkState(!closed, "the packet filter is closed");
    checkState(watch == null, "somebody watches already");
    var begun = DriftWatch.begin(namespace, installed::concerns, installed::interval, due);
    watch = begun;
    return () -> {
      begun.close();
      forget(begun);
    };
  }

  private synchronized void forget(DriftWatch ended) {
    if (watch == ended) {
      watch = null;
    }
  }

  @Override
  public void remove() throws IOException {
    locked(() -> {
      installed.remove();
      return true;
    });
  }

  @Override
  public RulesStatus status() {
    return status;
  }

  /** Returns how many programs of iptables and nftables were started so far. */
  public synchronized long processes() {
    return installed.processes();
  }

  /** Stops watching; the rules stay. Idempotent. */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      if (watch != null) {
        watch.close();
      }
      installed.close();
    } finally {
      if (ownsNamespace) {
        namespace.close();
      }
    }
  }
}
