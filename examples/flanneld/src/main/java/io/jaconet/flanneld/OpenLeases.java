package io.jaconet.flanneld;

import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.FileLeaseStore;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.subnet.etcd.EtcdLeaseStore;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A lease store that is in use, and the configuration of its network. */
final class OpenLeases implements AutoCloseable {
  private final NetworkConfig config;
  private final LeaseStore store;
  private final SubnetManager manager;

  private OpenLeases(NetworkConfig config, LeaseStore store) {
    this.config = config;
    this.store = store;
    this.manager = StoreSubnetManager.over(store);
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
      return new OpenLeases(config, FileLeaseStore.open(file.directory()));
    }
    var memory = (LeaseSource.Memory) source;
    return new OpenLeases(read(memory.config()), new InMemoryLeaseStore());
  }

  private static OpenLeases open(LeaseSource.Etcd etcd, Patience patience)
      throws InterruptedException {
    var store = store(etcd);
    try {
      return new OpenLeases(config(store, etcd.prefix() + "/config", patience), store);
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

  private static NetworkConfig read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new IOException("the network's configuration is not there: " + file
          + " is no file; write it, such as {\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}},"
          + " or name another by --net-config-path");
    }
    try {
      return NetworkConfig.parse(Files.readString(file));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  NetworkConfig config() {
    return config;
  }

  SubnetManager manager() {
    return manager;
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
