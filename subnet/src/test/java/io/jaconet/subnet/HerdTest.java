package io.jaconet.subnet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.Jaconet;
import io.jaconet.NetworkState.Phase;
import io.jaconet.OverlayNetwork;
import io.jaconet.event.ManualEventLoop;
import io.jaconet.net.IpAddress;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.testkit.FakeBackend;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** I18: five hundred hosts that came at one moment, in virtual time. */
class HerdTest {
  private static final Duration TTL = Duration.ofMinutes(10);
  private static final NetworkConfig CONFIG =
      NetworkConfig.builder().network("10.0.0.0/12").backend(FakeBackend.TYPE).build();

  private final ManualEventLoop loop = new ManualEventLoop();
  private final Gate store = new Gate(new InMemoryLeaseStore(loop), loop);

  /** A store that goes away for a while, and knows when it was called. */
  private static final class Gate implements LeaseStore {
    private final LeaseStore store;
    private final ManualEventLoop clock;
    private final List<Watcher> watchers = new ArrayList<>();
    final List<Long> updates = new ArrayList<>();
    final TreeMap<Long, Integer> callsBySecond = new TreeMap<>();
    int lists;
    boolean shut;

    Gate(LeaseStore store, ManualEventLoop clock) {
      this.store = store;
      this.clock = clock;
    }

    /** Ends all watches, and refuses every call until it is opened. */
    void shut() {
      shut = true;
      var open = List.copyOf(watchers);
      watchers.clear();
      open.forEach(watcher -> watcher.onFailure(new IOException("the store is restarted")));
    }

    private LeaseStore store() throws IOException {
      callsBySecond.merge(clock.nanoTime() / 1_000_000_000, 1, Integer::sum);
      if (shut) {
        throw new IOException("connection refused");
      }
      return store;
    }

    int mostCallsInASecond() {
      return callsBySecond.values().stream().mapToInt(calls -> calls).max().orElse(0);
    }

    int calls() {
      return callsBySecond.values().stream().mapToInt(calls -> calls).sum();
    }

    @Override
    public Snapshot list() throws IOException {
      lists++;
      return store().list();
    }

    @Override
    public Entry create(Subnets subnets, String value, String holder, @Nullable Duration ttl)
        throws IOException {
      return store().create(subnets, value, holder, ttl);
    }

    @Override
    public Entry update(Entry expected, String value, String holder, @Nullable Duration ttl)
        throws IOException {
      updates.add(clock.nanoTime());
      return store().update(expected, value, holder, ttl);
    }

    @Override
    public void delete(Entry expected) throws IOException {
      store().delete(expected);
    }

    @Override
    public Watch watch(long revision, Watcher watcher) throws IOException {
      var watch = store().watch(revision, watcher);
      watchers.add(watcher);
      return watch;
    }

    @Override
    public void close() throws IOException {
      store.close();
    }
  }

  private ImmutableList<OverlayNetwork> joined(int hosts) {
    var networks = ImmutableList.<OverlayNetwork>builder();
    var joining = new ArrayList<CompletableFuture<OverlayNetwork>>();
    var leases = StoreSubnetManager.builder(store)
        .leaseTtl(TTL)
        .executor(loop)
        .random(new SplittableRandom(1))
        .build();
    for (int n = 0; n < hosts; n++) {
      joining.add(Jaconet.builder()
          .nodeId("node-" + n)
          .config(CONFIG)
          .backendProvider(new FakeBackend(IpAddress.parse("198.18.0.1").plus(n)).provider())
          .subnetManager(leases)
          .auditInterval(Duration.ofHours(10))
          .random(new SplittableRandom(n))
          .eventLoop(loop, loop)
          .join());
    }
    loop.advance(Duration.ofSeconds(10));
    joining.forEach(future -> networks.add(future.join()));
    return networks.build();
  }

  private static long up(List<OverlayNetwork> networks) {
    return networks.stream()
        .filter(network -> network.state().phase() == Phase.UP)
        .count();
  }

  @Test
  void ofHundredAndFiftyRenewsApartAndComesBackToAStoreWithFewCalls() {
    renewsApartAndComesBackToAStoreWithFewCalls(150);
  }

  @Test
  @Tag("nightly")
  void ofFiveHundredRenewsApartAndComesBackToAStoreWithFewCalls() {
    renewsApartAndComesBackToAStoreWithFewCalls(500);
  }

  private void renewsApartAndComesBackToAStoreWithFewCalls(int hosts) {
    var networks = joined(hosts);
    store.updates.clear();
    store.callsBySecond.clear();

    loop.advance(TTL.dividedBy(2).plusSeconds(1));

    var spread = Duration.ofNanos(store.updates.get(hosts - 1) - store.updates.get(0));
    assertTrue(spread.compareTo(TTL.dividedBy(2).dividedBy(4)) >= 0, spread::toString);
    assertTrue(
        store.mostCallsInASecond() < hosts / 10, () -> "calls in a second: " + store.callsBySecond);
    assertEquals(hosts, up(networks));

    store.callsBySecond.clear();
    store.shut();
    loop.advance(Duration.ofMinutes(1));
    int callsWhileShut = store.calls();
    long upWhileShut = up(networks);
    store.callsBySecond.clear();
    store.lists = 0;
    store.shut = false;
    loop.advance(Duration.ofSeconds(20));

    assertTrue(callsWhileShut < hosts * 60, "calls: " + callsWhileShut);
    assertEquals(0, upWhileShut);
    assertEquals(hosts, up(networks));
    assertEquals(hosts, store.lists);
    // A list and a watch.
    assertEquals(2 * hosts, store.calls());
  }
}
