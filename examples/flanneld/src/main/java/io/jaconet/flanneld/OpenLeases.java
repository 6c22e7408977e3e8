package io.jaconet.flanneld;

import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.FileLeaseStore;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import java.io.IOException;
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

  /**
   * Opens {@code source}.
   *
   * @throws IOException if it cannot be opened or there is no configuration
   * @throws IllegalArgumentException if the configuration is wrong, or the source is one that is not built in
   */
  static OpenLeases open(LeaseSource source) throws IOException {
    if (source instanceof LeaseSource.Directory file) {
      var config = read(file.config());
      return new OpenLeases(config, FileLeaseStore.open(file.directory()));
    }
    if (source instanceof LeaseSource.Memory memory) {
      return new OpenLeases(read(memory.config()), new InMemoryLeaseStore());
    }
    throw new IllegalArgumentException(
        "--store=etcd: needs the artifact jaconet-etcd, which this build does not have; give --store=file:DIRECTORY or --store=memory");
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
