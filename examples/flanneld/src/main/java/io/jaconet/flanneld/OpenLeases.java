package io.jaconet.flanneld;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.FileLeaseStore;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.subnet.etcd.EtcdLeaseStore;
import io.jaconet.subnet.kubernetes.KubernetesCluster;
import io.jaconet.subnet.kubernetes.KubernetesSubnetManager;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** A lease store that is in use, and the configuration of its network. */
final class OpenLeases implements AutoCloseable {
  private final NetworkConfig config;
  private final SubnetManager manager;
  private final Closer store;
  private final ThisNode node;

  private OpenLeases(NetworkConfig config, SubnetManager manager, Closer store, ThisNode node) {
    this.config = config;
    this.manager = manager;
    this.store = store;
    this.node = node;
  }

  private static OpenLeases over(LeaseStore store, NetworkConfig config) {
    return new OpenLeases(config, StoreSubnetManager.over(store), store::close, ThisNode.UNKNOWN);
  }

  /** Closes what the manager stands on. */
  private interface Closer {
    void close() throws IOException;
  }

  /**
   * What the leases' place knows of this host.
   *
   * @param id who it is; empty if that is not known
   * @param publicIps the addresses that it shall publish instead of those of the flags
   * @param joined what is to be done once the network is joined
   */
  record ThisNode(String id, ImmutableMap<IpFamily, IpAddress> publicIps, Consumer<Lease> joined) {
    static final ThisNode UNKNOWN = new ThisNode("", ImmutableMap.of(), lease -> {});
  }

  /** What to do where a start cannot go on yet. */
  interface Patience {

    /**
     * Waits a while.
     *
     * @param reason what is waited for
     * @throws InterruptedException if nobody wants the start any more
     */
    void await(String reason) throws InterruptedException;
  }

  /**
   * Opens {@code source}. A server that does not answer, or has no usable configuration yet, is asked again for as long as {@code patience}
   * lasts.
   *
   * @throws IOException if it cannot be opened, or the file with the configuration is not there or wrong
   * @throws IllegalArgumentException if the source is described wrongly
   */
  static OpenLeases open(LeaseSource source, Patience patience)
      throws IOException, InterruptedException {
    if (source instanceof LeaseSource.Etcd etcd) {
      return open(etcd, patience);
    }
    if (source instanceof LeaseSource.Directory file) {
      var config = read(file.config());
      return over(FileLeaseStore.open(file.directory()), config);
    }
    if (source instanceof LeaseSource.Kubernetes kubernetes) {
      return open(kubernetes, patience);
    }
    var memory = (LeaseSource.Memory) source;
    return over(new InMemoryLeaseStore(), read(memory.config()));
  }

  private static OpenLeases open(LeaseSource.Etcd etcd, Patience patience)
      throws InterruptedException {
    var store = store(etcd);
    try {
      return over(store, config(store, etcd.prefix() + "/config", patience));
    } catch (InterruptedException | RuntimeException e) {
      store.close();
      throw e;
    }
  }

  private static EtcdLeaseStore store(LeaseSource.Etcd etcd) {
    var builder = EtcdLeaseStore.builder().endpoints(etcd.endpoints()).prefix(etcd.prefix());
    if (!etcd.authoritiesFile().isEmpty()) {
      builder.trustedAuthorities(Path.of(etcd.authoritiesFile()));
    }
    if (!etcd.certificateFile().isEmpty()) {
      builder.clientCertificate(Path.of(etcd.certificateFile()), Path.of(etcd.keyFile()));
    }
    if (!etcd.user().isEmpty()) {
      builder.user(etcd.user(), etcd.password());
    }
    try {
      return builder.build();
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "--etcd-endpoints and the other flags of etcd: " + e.getMessage(), e);
    }
  }

  private static NetworkConfig config(EtcdLeaseStore store, String key, Patience patience)
      throws InterruptedException {
    while (true) {
      try {
        var text = store.readConfig();
        if (text.isPresent()) {
          return NetworkConfig.parse(text.get());
        }
        patience.await("etcd has no configuration of the network at " + key);
      } catch (InterruptedIOException e) {
        throw new InterruptedException(e.getMessage());
      } catch (IOException e) {
        patience.await("the configuration of the network cannot be read: " + e.getMessage());
      } catch (IllegalArgumentException e) {
        patience.await("the configuration of the network at " + key + ": " + e.getMessage());
      }
    }
  }

  private static OpenLeases open(LeaseSource.Kubernetes source, Patience patience)
      throws IOException, InterruptedException {
    var text = text(source.config());
    var cluster = cluster(source);
    try {
      var manager = KubernetesSubnetManager.over(cluster, source.prefix());
      return open(source, text, cluster, manager, patience);
    } catch (IOException | InterruptedException | RuntimeException e) {
      cluster.close();
      throw e;
    }
  }

  private static OpenLeases open(
      LeaseSource.Kubernetes source,
      String config,
      KubernetesCluster cluster,
      KubernetesSubnetManager manager,
      Patience patience)
      throws IOException, InterruptedException {
    Consumer<Lease> joined = source.condition() ? manager::setNetworkAvailable : lease -> {};
    while (true) {
      try {
        var id = cluster.nodeName(source.environment());
        var node = new ThisNode(id, manager.publicIps(id), joined);
        return new OpenLeases(manager.config(config, id), manager, cluster::close, node);
      } catch (InterruptedIOException e) {
        throw new InterruptedException(e.getMessage());
      } catch (IOException e) {
        patience.await("Kubernetes: " + e.getMessage());
      } catch (IllegalArgumentException e) {
        throw new IOException(source.config() + ": " + e.getMessage(), e);
      }
    }
  }

  private static KubernetesCluster cluster(LeaseSource.Kubernetes source) throws IOException {
    var builder = KubernetesCluster.builder();
    if (!source.kubeconfigFile().isEmpty()) {
      builder.kubeconfig(Path.of(source.kubeconfigFile()));
    }
    if (!source.apiUrl().isEmpty()) {
      try {
        builder.apiUrl(source.apiUrl());
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("--kube-api-url: " + e.getMessage(), e);
      }
    }
    return builder.build();
  }

  private static NetworkConfig read(Path file) throws IOException {
    try {
      return NetworkConfig.parse(text(file));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  private static String text(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new IOException("the network's configuration is not there: " + file
          + " is no file; write it, such as {\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}},"
          + " or name another by --net-config-path");
    }
    return Files.readString(file);
  }

  NetworkConfig config() {
    return config;
  }

  SubnetManager manager() {
    return manager;
  }

  ThisNode node() {
    return node;
  }

  @Override
  public void close() throws IOException {
    try {
      manager.close();
    } finally {
      store.close();
    }
  }
}
