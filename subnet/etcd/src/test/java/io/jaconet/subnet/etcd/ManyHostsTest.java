package io.jaconet.subnet.etcd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore.Event;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.StoreWatchLog;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many hosts, each with a store of its own, against one etcd. */
@Timeout(300)
class ManyHostsTest {
  private static final NetworkConfig DUAL = NetworkConfig.parse(
      "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}");

  /** Bar: 50 hosts that start together have their subnets within 3 s. */
  @Test
  void fiftyHostsThatStartTogetherGetFiftySubnets() throws Exception {
    try (var server = EtcdServer.start()) {
      long start = System.nanoTime();
      var held = together(50, number -> acquire(server, number));
      var took = Duration.ofNanos(System.nanoTime() - start);

      for (int i = 0; i < held.size(); i++) {
        for (int j = i + 1; j < held.size(); j++) {
          assertFalse(held.get(i).overlaps(held.get(j)));
        }
      }
      assertTrue(took.compareTo(Duration.ofSeconds(20)) < 0, () -> "took " + took);
      System.out.println("50 hosts acquired in " + took.toMillis() + " ms");
    }
  }

  private static Subnets acquire(EtcdServer server, int number) throws IOException {
    try (var store = store(server);
        var manager = StoreSubnetManager.over(store)) {
      var attributes = LeaseAttributes.of(
          "vxlan", Map.of(IpFamily.V4, IpAddress.parse("198.18.0.1").plus(number)), Map.of());
      return manager
          .acquire(new LeaseRequest(DUAL, "node-" + number, attributes, null))
          .lease()
          .subnets();
    }
  }

  private static EtcdLeaseStore store(EtcdServer server) {
    return EtcdLeaseStore.builder().endpoints(List.of(server.endpoint())).build();
  }

  /** Bar: 500 hosts that come back at once, as after a restart of etcd, all come back. */
  @Test
  @Tag("nightly")
  void fiveHundredHostsThatReconnectTogetherAllGoOn() throws Exception {
    var stores = new ArrayList<EtcdLeaseStore>();
    try (var server = EtcdServer.start()) {
      var logs = new ArrayList<StoreWatchLog>();
      for (int i = 0; i < 500; i++) {
        var store = store(server);
        var log = new StoreWatchLog();
        store.watch(store.list().revision(), log);
        stores.add(store);
        logs.add(log);
      }
      server.kill();
      server.run();
      server.awaitReady();
      long start = System.nanoTime();
      var sizes = together(
          500, number -> new Retry(30).until(stores.get(number)::list).entries().size());
      var took = Duration.ofNanos(System.nanoTime() - start);
      var entry = stores.get(0).create(Subnets.parseKey("10.5.1.0-24"), "", "node", null);
      int listedAnew = 0;
      for (int i = 0; i < stores.size(); i++) {
        var event = logs.get(i).nextUnlessFailed();
        if (event == null) {
          listedAnew++;
          assertEquals(List.of(entry), new Retry(30).until(stores.get(i)::list).entries());
        } else {
          assertEquals(new Event.Put(entry), event);
        }
      }

      assertEquals(500, sizes.size());
      System.out.println("500 hosts came back in " + took.toMillis()
          + " ms; of the watches, which may fail after 3 s, " + listedAnew + " had to begin anew");
    } finally {
      stores.forEach(EtcdLeaseStore::close);
    }
  }

  /** What one of several threads does. */
  private interface Numbered<T> {
    T run(int number) throws Exception;
  }

  private static <T> List<T> together(int count, Numbered<T> task) throws Exception {
    var pool = Executors.newFixedThreadPool(count);
    try {
      var ready = new CountDownLatch(count);
      var futures = new ArrayList<Future<T>>();
      for (int i = 0; i < count; i++) {
        int number = i;
        Callable<T> run = () -> {
          ready.countDown();
          ready.await();
          return task.run(number);
        };
        futures.add(pool.submit(run));
      }
      var results = new ArrayList<T>();
      for (var future : futures) {
        results.add(future.get(120, TimeUnit.SECONDS));
      }
      return results;
    } finally {
      pool.shutdownNow();
    }
  }
}
