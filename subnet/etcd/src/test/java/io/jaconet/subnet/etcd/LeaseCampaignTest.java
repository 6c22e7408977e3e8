package io.jaconet.subnet.etcd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.EtcdServer;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Scenarios T03, T31, T32 and T38: hosts acquire, renew, release, fall asleep past the end of their lease and start over, with configurations
 * that change, while members of etcd are killed, hang and forget their history.
 */
class LeaseCampaignTest {
  private static final Duration TTL = Duration.ofSeconds(2);
  private static final int HOSTS = 16;

  private static final NetworkConfig WIDE =
      NetworkConfig.parse("{\"Network\":\"10.5.0.0/24\",\"SubnetLen\":28}");
  private static final NetworkConfig SHRUNK = NetworkConfig.parse(
      "{\"Network\":\"10.5.0.0/24\",\"SubnetLen\":28,\"SubnetMax\":\"10.5.0.128\"}");
  private static final NetworkConfig DUAL = NetworkConfig.parse(
      "{\"Network\":\"10.6.0.0/24\",\"SubnetLen\":28,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:6::/60\"}");

  private final Beliefs beliefs = new Beliefs();
  private final AtomicInteger episodes = new AtomicInteger();
  private final AtomicInteger failures = new AtomicInteger();
  private final AtomicInteger grants = new AtomicInteger();

  @Test
  @Tag("nightly")
  @Timeout(180)
  void inEightyEpisodesNoSubnetHasTwoHolders() throws Exception {
    campaign(80, new Random().nextLong());
  }

  @Test
  @Tag("nightly")
  @Timeout(3600)
  void inTenThousandEpisodesNoSubnetHasTwoHolders() throws Exception {
    campaign(10_000, new Random().nextLong());
  }

  private void campaign(int wanted, long seed) throws Exception {
    var members = EtcdServer.startThree();
    var pool = Executors.newCachedThreadPool();
    try (var recorder = new Recorder(members, "/coreos.com/network")) {
      var running = new ArrayList<Future<?>>();
      for (int n = 0; n < HOSTS; n++) {
        int number = n;
        running.add(pool.submit(() -> {
          new Host(number, members, new Random(seed + number)).live(wanted);
          return null;
        }));
      }
      running.add(pool.submit(() -> {
        flanneld(members.get(1), new Random(seed - 1), wanted);
        return null;
      }));
      var trouble = new Random(seed);
      while (episodes.get() < wanted) {
        trouble(members, trouble);
      }
      for (var host : running) {
        host.get(60, TimeUnit.SECONDS);
      }
      try (var flannel = new Flannel(members.get(0), "/coreos.com/network")) {
        new Retry(20).until(() -> {
          flannel.put("end", "", 0);
          return true;
        });
      }
      int writes = recorder.verify();
      assertEquals(List.of(), beliefs.violations());
      assertTrue(grants.get() > wanted / 4, () -> grants + " grants only");
      System.out.println("seed " + seed + ": " + episodes + " episodes, " + grants
          + " grants, " + writes + " writes seen by etcdctl, " + failures
          + " calls failed, no subnet with two holders");
    } catch (AssertionError | ExecutionException e) {
      throw new AssertionError("seed " + seed, e);
    } finally {
      pool.shutdownNow();
      for (var member : members) {
        member.close();
      }
    }
  }

  private static void pause(Duration duration) {
    LockSupport.parkNanos(duration.toNanos());
  }

  /** Does something bad to one member, then makes it good. */
  private static void trouble(ImmutableList<EtcdServer> members, Random random) throws IOException {
    var member = members.get(random.nextInt(members.size()));
    switch (random.nextInt(4)) {
      case 0 -> {
        member.kill();
        pause(Duration.ofMillis(random.nextInt(1500)));
        member.run();
        member.awaitReady();
      }
      case 1 -> {
        member.signal("STOP");
        pause(Duration.ofMillis(random.nextInt(2500)));
        member.signal("CONT");
      }
      case 2 -> compact(member);
      default -> pause(Duration.ofMillis(random.nextInt(1500)));
    }
  }

  private static void compact(EtcdServer member) {
    try (var flannel = new Flannel(member, "/coreos.com/network")) {
      long revision = flannel.revision();
      if (revision > 100) {
        member.ctl("compact", Long.toString(revision - 50));
      }
    } catch (IOException compactedAlready) {
      pause(Duration.ofMillis(100));
    }
  }

  /** A flanneld takes what it believes to be free, and dies with it. */
  private void flanneld(EtcdServer member, Random random, int wanted) {
    try (var flannel = new Flannel(member, "/coreos.com/network")) {
      while (episodes.get() < wanted) {
        var key = "subnets/10.5.0." + 16 * (1 + random.nextInt(15)) + "-28";
        try {
          if (flannel.create(key, "{\"PublicIP\":\"192.0.2.1\",\"PublicIPv6\":null}")) {
            pause(Duration.ofMillis(random.nextInt(1000)));
            new Retry(30).until(() -> {
              flannel.delete(key);
              return true;
            });
          }
        } catch (IOException memberIsDown) {
          failures.incrementAndGet();
        }
        pause(Duration.ofMillis(200));
      }
    }
  }

  /** A host that leads a hard life. */
  private final class Host {
    private final String node;
    private final boolean dual;
    private final ImmutableList<EtcdServer> members;
    private final Random random;
    private final LeaseAttributes attributes;

    Host(int number, ImmutableList<EtcdServer> members, Random random) {
      this.node = "node-" + number;
      this.dual = number % 2 == 0;
      this.members = members;
      this.random = random;
      this.attributes = LeaseAttributes.of(
          "vxlan", Map.of(IpFamily.V4, IpAddress.parse("198.18.0.1").plus(number)), Map.of());
    }

    void live(int wanted) {
      while (episodes.get() < wanted) {
        try (var store = EtcdLeaseStore.builder()
                .endpoints(members.stream().map(EtcdServer::endpoint).toList())
                .build();
            var manager = StoreSubnetManager.builder(store).leaseTtl(TTL).build()) {
          for (int i = random.nextInt(6); i >= 0 && episodes.getAndIncrement() < wanted; i--) {
            episode(manager);
          }
        }
      }
    }

    private void episode(SubnetManager manager) {
      try {
        long sent = System.nanoTime();
        var grant = manager.acquire(new LeaseRequest(config(), node, attributes, wish()));
        hold(sent, grant);
        for (int i = random.nextInt(3); i > 0; i--) {
          pause(Duration.ofMillis(random.nextInt(800)));
          grant = renew(manager, grant);
        }
        switch (random.nextInt(3)) {
          case 0 -> {
            pause(TTL.plusMillis(random.nextInt(1500)));
            renew(manager, grant);
          }
          case 1 -> {
            beliefs.end(node);
            manager.release(grant.lease());
          }
          default -> pause(Duration.ofMillis(random.nextInt(300)));
        }
      } catch (LeaseLostException lost) {
        beliefs.end(node);
      } catch (IOException storeIsAway) {
        failures.incrementAndGet();
        pause(Duration.ofMillis(100));
      }
    }

    private LeaseGrant renew(SubnetManager manager, LeaseGrant grant) throws IOException {
      long sent = System.nanoTime();
      var renewed = manager.renew(grant.lease(), attributes);
      hold(sent, renewed);
      return renewed;
    }

    private void hold(long sent, LeaseGrant grant) {
      grants.incrementAndGet();
      beliefs.begin(node, grant.lease().subnets(), sent + TTL.toNanos());
    }

    private NetworkConfig config() {
      return dual ? DUAL : random.nextInt(4) == 0 ? SHRUNK : WIDE;
    }

    private Subnets wish() {
      int base = 16 * (1 + random.nextInt(15));
      return Subnets.parseKey(
          dual
              ? "10.6.0." + base + "-28&fd00:6:0:" + (1 + random.nextInt(9)) + "::-64"
              : "10.5.0." + base + "-28");
    }
  }
}
