package io.jaconet.subnet.etcd;

import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.SubnetChoiceContract;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

class EtcdSubnetManagerTest implements SubnetChoiceContract {
  private static final AtomicInteger networks = new AtomicInteger();
  private static EtcdServer server;

  @BeforeAll
  static void startEtcd() throws IOException {
    server = EtcdServer.start();
  }

  @AfterAll
  static void stopEtcd() throws IOException {
    server.close();
  }

  @Override
  public SharedLeases newLeases() {
    var prefix = "/test/" + networks.getAndIncrement();
    var store = EtcdLeaseStore.builder()
        .endpoints(List.of(server.endpoint()))
        .prefix(prefix)
        .build();
    var flannel = new Flannel(server, prefix);
    return new SharedLeases() {
      @Override
      public SubnetManager newManager() {
        return StoreSubnetManager.over(store);
      }

      @Override
      public void write(String key, String value) throws IOException {
        flannel.put("subnets/" + key, value, 86_400);
      }

      @Override
      public void remove(String key) throws IOException {
        flannel.delete("subnets/" + key);
      }

      @Override
      public void close() {
        flannel.close();
        store.close();
      }
    };
  }
}
