package io.jaconet.subnet.etcd;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ConcurrentHashMultiset;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Multiset;
import io.jaconet.subnet.etcd.Episode.Fault;
import io.jaconet.testkit.EtcdServer;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Scenarios T03, T31, T32 and T38, many at a time over one etcd of three members, whose members are killed and hang meanwhile. No subnet may
 * ever have two holders: not in etcd's revisions, and not in what hosts believe.
 */
class LeaseCampaignTest {
  private static final String PREFIX = "/coreos.com/network";
  private static final ImmutableList<Fault> FAULTS = ImmutableList.copyOf(Fault.values());
  private static final int AT_ONCE = 128;
  private static final int HOSTS = 3;

  final Beliefs beliefs = new Beliefs();
  final AtomicInteger grants = new AtomicInteger();
  final AtomicInteger refusals = new AtomicInteger();
  final AtomicInteger failures = new AtomicInteger();

  private final Multiset<Fault> met = ConcurrentHashMultiset.create();
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicInteger unmet = new AtomicInteger();
  private final AtomicInteger losses = new AtomicInteger();
  private final AtomicInteger restarts = new AtomicInteger();
  private ImmutableList<EtcdServer> members = ImmutableList.of();
  private @Nullable Flannel flannel;
  private @Nullable Recorder recorder;

  @Test
  @Timeout(300)
  void inAThousandEpisodesNoSubnetHasTwoHolders() throws Exception {
    campaign(1_000, new Random().nextLong());
  }

  @Test
  @Tag("nightly")
  @Timeout(3600)
  void inTenThousandEpisodesNoSubnetHasTwoHolders() throws Exception {
    campaign(10_000, new Random().nextLong());
  }

  private void campaign(int wanted, long seed) throws Exception {
    System.out.println("seed " + seed);
    long start = System.nanoTime();
    members = EtcdServer.startThree();
    var threads = Executors.newCachedThreadPool();
    try (var watching = new Recorder(members, PREFIX);
        var writing = new Flannel(members, PREFIX)) {
      recorder = watching;
      flannel = writing;
      var workers = new ArrayList<Future<?>>();
      for (int n = 0; n < AT_ONCE; n++) {
        int worker = n;
        workers.add(threads.submit(() -> {
          work(worker, threads, wanted, seed);
          return null;
        }));
      }
      var trouble = new Random(seed);
      // Also while the last ones wait for it.
      while (workers.stream().anyMatch(worker -> !worker.isDone())) {
        trouble(trouble);
        for (var worker : workers) {
          if (worker.isDone()) {
            worker.get();
          }
        }
      }
      new Retry(20).until(() -> {
        writing.put("end", "", 0);
        return true;
      });
      var findings = watching.verify();
      assertEquals(List.of(), beliefs.violations());
      assertTrue(met.size() >= wanted, met::toString);
      for (var fault : FAULTS) {
        assertTrue(met.count(fault) >= wanted / (2 * FAULTS.size()), met::toString);
      }
      System.out.println(met.size() + " episodes in "
          + Duration.ofNanos(System.nanoTime() - start).toSeconds() + " s: " + met + "; " + losses
          + " losses of a member and " + restarts + " restarts of all, " + grants + " grants, "
          + refusals + " for want of room refused, " + failures + " calls failed, "
          + findings.writes() + " writes of leases recorded by " + (1 + findings.restarts())
          + " etcdctl; no subnet had two holders");
    } catch (AssertionError | ExecutionException e) {
      throw new AssertionError("seed " + seed, e);
    } finally {
      threads.shutdownNow();
      for (var member : members) {
        member.close();
      }
    }
  }

  int losses() {
    return losses.get();
  }

  int restarts() {
    return restarts.get();
  }

  /** Does something bad to etcd, then makes it good. */
  private void trouble(Random random) throws IOException {
    var member = members.get(random.nextInt(members.size()));
    switch (random.nextInt(4)) {
      case 0, 1 -> {
        members.forEach(EtcdServer::kill);
        Episode.pause(random.nextInt(500));
        for (var each : members) {
          each.run();
        }
        for (var each : members) {
          each.awaitReady();
        }
        restarts.incrementAndGet();
      }
      case 2 -> {
        member.signal("STOP");
        Episode.pause(random.nextInt(1_500));
        member.signal("CONT");
        losses.incrementAndGet();
      }
      default -> {
        member.kill();
        Episode.pause(random.nextInt(1_000));
        member.run();
        member.awaitReady();
        losses.incrementAndGet();
      }
    }
    Episode.pause(1_500 + random.nextInt(1_000));
  }

  /** Has etcd forget what the recorder has read. Returns whether it did. */
  boolean compact() {
    long revision = recorder == null ? 0 : recorder.seen();
    var member = members.get((int) (revision % members.size()));
    try {
      // By etcd's JSON gateway, since an etcdctl takes longer to start than to do it.
      var gateway = (HttpURLConnection)
          URI.create(member.endpoint() + "/v3/kv/compaction").toURL().openConnection();
      gateway.setConnectTimeout(1_000);
      gateway.setReadTimeout(1_000);
      gateway.setDoOutput(true);
      try (var request = gateway.getOutputStream()) {
        request.write(("{\"revision\":" + revision + "}").getBytes(US_ASCII));
      }
      return gateway.getResponseCode() == HttpURLConnection.HTTP_OK;
    } catch (IOException memberIsDown) {
      return false;
    }
  }

  /** Plays one episode after the other, each with another fault than the one before, by hosts that have their connections from earlier ones. */
  private void work(int worker, ExecutorService threads, int wanted, long seed) throws Exception {
    var stores = new ArrayList<EtcdLeaseStore>();
    try (var relay = new Relay(members.get(worker % members.size()).clientPort(), threads)) {
      var all = members.stream().map(EtcdServer::endpoint).toList();
      for (int which = 0; which < HOSTS; which++) {
        stores.add(EtcdLeaseStore.builder()
            .endpoints(which == 0 ? List.of(relay.endpoint()) : all)
            .prefix(PREFIX)
            .build());
      }
      while (next.get() - unmet.get() < wanted) {
        int number = next.getAndIncrement();
        var fault = FAULTS.get(number % FAULTS.size());
        if (play(new Episode(this, number, fault, relay), stores, threads, seed + number)) {
          met.add(fault);
        } else {
          unmet.incrementAndGet();
        }
      }
    } finally {
      stores.forEach(EtcdLeaseStore::close);
    }
  }

  /** Returns whether the fault was met. */
  private boolean play(
      Episode episode, List<EtcdLeaseStore> stores, ExecutorService threads, long seed)
      throws Exception {
    var hosts = new ArrayList<Future<Boolean>>();
    for (int which = 0; which < HOSTS; which++) {
      var host = episode.new Host(which, stores.get(which), new Random(seed * HOSTS + which));
      hosts.add(threads.submit(host::live));
    }
    if (flannel != null) {
      episode.flanneld(flannel, new Random(~seed));
    }
    boolean met = true;
    for (var host : hosts) {
      met &= host.get(120, TimeUnit.SECONDS);
    }
    return met;
  }
}
