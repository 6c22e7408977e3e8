package io.jaconet.subnet.etcd;

import io.jaconet.spi.LeaseStore;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.LeaseStoreContract;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

class EtcdLeaseStoreTest implements LeaseStoreContract {
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
  public LeaseStore newStore() {
    return EtcdLeaseStore.builder()
        .endpoints(java.util.List.of(server.endpoint()))
        .prefix("/test/" + networks.getAndIncrement())
        .build();
  }

  /** Etcd grants no less than one and a half election timeouts, in whole seconds. */
  @Override
  public Duration shortestTimeToLive() {
    return Duration.ofSeconds(1);
  }
}
