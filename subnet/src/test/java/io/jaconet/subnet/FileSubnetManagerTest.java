package io.jaconet.subnet;

import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.SubnetManager;
import io.jaconet.testkit.SubnetChoiceContract;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class FileSubnetManagerTest implements SubnetChoiceContract {
  @TempDir
  private Path directory;

  private int stores;

  @Override
  public SharedLeases newLeases() throws IOException {
    var store = FileLeaseStore.open(directory.resolve("store-" + stores++));
    return new SharedLeases() {
      @Override
      public SubnetManager newManager() {
        return StoreSubnetManager.over(store);
      }

      @Override
      public void write(String key, String value) throws IOException {
        store.overwrite(key, value, null);
      }

      @Override
      public void remove(String key) throws IOException {
        store.delete(find(store, key));
      }

      @Override
      public void close() throws IOException {
        store.close();
      }
    };
  }

  private static LeaseStore.Entry find(LeaseStore store, String key) throws IOException {
    return store.list().entries().stream()
        .filter(entry -> entry.key().equals(key))
        .findFirst()
        .orElseThrow();
  }
}
