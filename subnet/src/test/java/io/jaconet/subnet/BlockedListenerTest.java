package io.jaconet.subnet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableMap;
import com.google.common.util.concurrent.Uninterruptibles;
import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.OverlayNetwork;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.testkit.FakeBackend;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** I16: two networks of one process, on threads of their own; the listener of one never comes back from its first call. */
@Timeout(60)
class BlockedListenerTest {
  private final InMemoryLeaseStore store = new InMemoryLeaseStore();
  private final StoreSubnetManager leases = StoreSubnetManager.over(store);

  private OverlayNetwork join(String nodeId, FakeBackend backend, NetworkListener listener)
      throws Exception {
    return Jaconet.builder()
        .name(nodeId)
        .nodeId(nodeId)
        .config(NetworkConfig.builder()
            .network("10.244.0.0/16")
            .backend(FakeBackend.TYPE)
            .build())
        .backendProvider(backend.provider())
        .subnetManager(leases)
        .listener(listener)
        .join()
        .get(30, TimeUnit.SECONDS);
  }

  @Test
  void itsOwnNetworkAndOthersGoOnAndEnd() throws Exception {
    var backend = new FakeBackend(IpAddress.parse("192.0.2.1"));
    var called = new CountDownLatch(1);
    var release = new CountDownLatch(1);
    BlockingQueue<Subnets> heard = new LinkedBlockingQueue<>();
    var blocked = join("blocked", backend, new NetworkListener() {
      @Override
      public void onState(NetworkState state) {
        called.countDown();
        // Not even an interrupt ends it.
        Uninterruptibles.awaitUninterruptibly(release);
      }
    });
    var other = join("other", new FakeBackend(IpAddress.parse("192.0.2.2")), new NetworkListener() {
      @Override
      public void onPeer(@Nullable Lease before, @Nullable Lease after) {
        if (before == null && after != null) {
          heard.add(after.subnets());
        }
      }
    });
    called.await();

    for (int n = 100; n < 150; n++) {
      var peer = Subnets.parseKey("10.244." + n + ".0-24");
      store.create(peer, attributes(n).toJson(), "node-" + n, Duration.ofHours(1));
    }
    for (int n = 0; n < 51; n++) {
      var peer = heard.poll(20, TimeUnit.SECONDS);
      assertTrue(peer != null, "only " + n + " peers were heard of");
    }
    while (blocked.peers().size() < 51) {
      Thread.onSpinWait();
    }
    assertEquals(NetworkState.Phase.UP, blocked.state().phase());
    // Within 5 s, or this throws.
    blocked.close();
    other.close();
    release.countDown();
    leases.close();
    store.close();
  }

  private static LeaseAttributes attributes(int n) {
    return LeaseAttributes.of(
        FakeBackend.TYPE,
        ImmutableMap.of(IpFamily.V4, IpAddress.parse("192.0.2." + n)),
        ImmutableMap.of(IpFamily.V4, "\"claim-" + n + "\""));
  }
}
