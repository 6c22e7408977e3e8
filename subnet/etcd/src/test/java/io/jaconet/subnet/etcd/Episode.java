package io.jaconet.subnet.etcd;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.Subnets;
import io.jaconet.subnet.StoreSubnetManager;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Three hosts of one small network want the same subnets. They acquire, renew, release and start over, and one fault befalls the first of
 * them while it holds a lease. What they do follows from the seed; when, also from the machine.
 */
final class Episode {
  static final Duration TTL = Duration.ofSeconds(1);
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final LeaseCampaignTest campaign;
  private final int number;
  private final Fault fault;
  private final Relay relay;

  /** What befalls the first host. */
  enum Fault {
    /** It sleeps past the end of its lease, and goes on as if nothing had been. */
    PAUSE,
    /** What it sends is held back past the end of its lease, and arrives then. */
    PARTITION,
    /** All members of etcd are killed and come back. */
    ETCD_RESTART,
    /** One member is killed, or hangs, and comes back. */
    MEMBER_LOSS,
    /** Etcd forgets its history. */
    COMPACTION,
    /** It sleeps, in a network of two families whose subnets are wanted in all combinations. */
    DUAL_STACK,
    /** The configuration leaves less room than before. */
    CONFIG_SHRINK
  }

  Episode(LeaseCampaignTest campaign, int number, Fault fault, Relay relay) {
    this.campaign = campaign;
    this.number = number;
    this.fault = fault;
    this.relay = relay;
  }

  private NetworkConfig config(boolean shrunk) {
    var network = "10." + (number >> 8) + "." + (number & 255) + ".";
    var v6 = fault == Fault.DUAL_STACK
        ? ",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:0:" + Integer.toHexString(number) + "::/60\""
        : "";
    var max = shrunk ? ",\"SubnetMax\":\"" + network + "128\"" : "";
    return NetworkConfig.parse(
        "{\"Network\":\"" + network + "0/24\",\"SubnetLen\":26" + max + v6 + "}");
  }

  private Subnets wish(Random random) {
    var v4 =
        "10." + (number >> 8) + "." + (number & 255) + "." + 64 * (1 + random.nextInt(3)) + "-26";
    return Subnets.parseKey(
        fault == Fault.DUAL_STACK
            ? v4 + "&fd00:0:" + Integer.toHexString(number) + ":" + (1 + random.nextInt(3))
                + "::-64"
            : v4);
  }

  /** A flanneld takes what it believes to be free, and gives it back without asking. It knows nothing of IPv6 subnets in other leases. */
  void flanneld(Flannel flannel, Random random) {
    if (fault == Fault.DUAL_STACK || random.nextBoolean()) {
      return;
    }
    var key = "subnets/" + wish(random).key();
    try {
      pause(random.nextInt(1_000));
      if (flannel.create(key, "{\"PublicIP\":\"192.0.2.1\",\"PublicIPv6\":null}")) {
        pause(random.nextInt(1_000));
        flannel.delete(key);
      }
    } catch (IOException memberIsDown) {
      // It dies with it.
    }
  }

  static void pause(long millis) {
    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
  }

  /** One of the hosts. */
  final class Host {
    private final String node;
    private final boolean victim;
    private final Random random;
    private final LeaseAttributes attributes;
    private final StoreSubnetManager manager;
    private final long startNanos = System.nanoTime();
    private @Nullable LeaseGrant held;
    private boolean shrunk;

    Host(int which, EtcdLeaseStore store, Random random) {
      this.node = "e" + number + "-h" + which;
      this.victim = which == 0;
      this.random = random;
      this.attributes = LeaseAttributes.of(
          "vxlan",
          Map.of(IpFamily.V4, IpAddress.parse("198.18.0.0").plus(4L * number + which)),
          Map.of());
      this.manager = StoreSubnetManager.builder(store).leaseTtl(TTL).build();
    }

    /** Returns whether the fault befell it while it held a lease; for others than the first, true. */
    boolean live() {
      pause(victim ? 0 : random.nextInt(1_500));
      boolean met = !victim;
      try (manager) {
        while (System.nanoTime() - startNanos < PATIENCE_NANOS) {
          if (acquire()) {
            stay(random.nextInt(2));
            met |= held != null && suffer();
            stay(random.nextInt(2));
            if (met) {
              leave();
              return true;
            }
          } else {
            pause(150 + random.nextInt(300));
          }
        }
        return met;
      }
    }

    private interface Call {
      @Nullable
      LeaseGrant make() throws IOException;
    }

    /** Returns whether the call succeeded. */
    private boolean make(Call call) {
      long sent = System.nanoTime();
      try {
        held = call.make();
        if (held != null) {
          campaign.grants.incrementAndGet();
          campaign.beliefs.begin(node, held.lease().subnets(), sent + TTL.toNanos());
        }
        return true;
      } catch (LeaseLostException lost) {
        campaign.beliefs.end(node);
        held = null;
      } catch (NoFreeSubnetException full) {
        campaign.refusals.incrementAndGet();
      } catch (IOException storeIsAway) {
        campaign.failures.incrementAndGet();
      }
      return false;
    }

    private boolean acquire() {
      return make(
          () -> manager.acquire(new LeaseRequest(config(shrunk), node, attributes, wish(random))));
    }

    private boolean renew() {
      var lease = held;
      return lease != null && make(() -> manager.renew(lease.lease(), attributes));
    }

    private void stay(int renewals) {
      for (int i = 0; i < renewals && held != null; i++) {
        pause(random.nextInt((int) TTL.toMillis() * 3 / 4));
        renew();
      }
    }

    private void leave() {
      var lease = held;
      if (lease != null && random.nextBoolean()) {
        campaign.beliefs.end(node);
        make(() -> {
          manager.release(lease.lease());
          return null;
        });
      }
    }

    private boolean suffer() {
      switch (fault) {
        case PAUSE, DUAL_STACK -> pause(TTL.toMillis() + random.nextInt(1_000));
        case PARTITION -> {
          relay.become(random.nextInt(3) == 0 ? Relay.Mode.HOLDS : Relay.Mode.REFUSES);
          renew();
          pause(TTL.toMillis() + random.nextInt(500));
          relay.become(Relay.Mode.CARRIES);
        }
        case ETCD_RESTART -> {
          return outlast(campaign::restarts);
        }
        case MEMBER_LOSS -> {
          return outlast(campaign::losses);
        }
        case COMPACTION -> {
          return campaign.compact();
        }
        case CONFIG_SHRINK -> {
          // A configuration is read at the start: the host has stopped by then, and knows no lease.
          campaign.beliefs.end(node);
          held = null;
          shrunk = true;
          return acquire();
        }
      }
      renew();
      return true;
    }

    private interface Count {
      int of();
    }

    /** Goes on renewing until one more of the faults is over. */
    private boolean outlast(Count faults) {
      int before = faults.of();
      while (faults.of() == before && System.nanoTime() - startNanos < PATIENCE_NANOS) {
        pause(300 + random.nextInt(400));
        if (held == null || !renew() && held == null) {
          acquire();
        }
      }
      return faults.of() > before;
    }
  }
}
