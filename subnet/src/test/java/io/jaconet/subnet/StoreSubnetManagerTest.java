package io.jaconet.subnet;

import io.jaconet.spi.SubnetManager;
import io.jaconet.testkit.SubnetChoiceContract;
import java.io.IOException;

class StoreSubnetManagerTest implements SubnetChoiceContract {

  @Override
  public SharedLeases newLeases() {
    var store = new InMemoryLeaseStore();
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
        for (var entry : store.list().entries()) {
          if (entry.key().equals(key)) {
            store.delete(entry);
          }
        }
      }

      @Override
      public void close() throws IOException {
        store.close();
      }
    };
  }
}
