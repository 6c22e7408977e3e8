package io.jaconet.flanneld;

import com.google.common.collect.ImmutableList;
import io.jaconet.Drift;
import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.OverlayNetwork;
import io.jaconet.iptables.HostPacketFilter;
import io.jaconet.linux.RtNetlink;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.LeaseStore;
import io.jaconet.subnet.FileLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.crash.CrashBarrier;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A host application that is killed in a {@link Situation}. */
final class HostProcess {
  static final String NODE = "node-1";

  /** How many things {@link CrashWorld} breaks. */
  static final int DAMAGES = 4;

  private final Situation situation;
  private final FileLeaseStore store;
  private final StoreSubnetManager leases;
  private final @Nullable HostPacketFilter filter;
  private final CountDownLatch up = new CountDownLatch(1);
  private final CountDownLatch drifts = new CountDownLatch(DAMAGES);
  private final CountDownLatch peers = new CountDownLatch(1);

  private HostProcess(Situation situation, Path directory) throws IOException {
    this.situation = situation;
    var driver = situation.driver();
    store = FileLeaseStore.open(directory.resolve("leases"));
    leases = StoreSubnetManager.builder(store).leaseTtl(situation.leaseTtl()).build();
    filter = driver == null ? null : HostPacketFilter.builder().driver(driver).build();
  }

  /** Takes the situation, a directory with the leases, and whether the process stays: it was killed before, does the same, and goes on. */
  public static void main(String[] args) throws Exception {
    var situation = Situation.valueOf(args[0]);
    var directory = Path.of(args[1]);
    boolean stays = Boolean.parseBoolean(args[2]);
    if (situation.act == Situation.Act.JOIN) {
      // Loads what native calls are made with: files that a library copies are no crash points of
      // ours.
      RtNetlink.open().close();
      CrashBarrier.await(System.in, System.out);
      new HostProcess(situation, directory).join();
    } else {
      var host = new HostProcess(situation, directory);
      var network = host.join();
      CrashBarrier.await(System.in, System.out);
      host.act(network, stays);
    }
    System.out.println(CrashWorld.DONE);
    if (stays) {
      new CountDownLatch(1).await();
    }
    System.exit(0);
  }

  private OverlayNetwork join() throws Exception {
    var builder = Jaconet.builder()
        .nodeId(NODE)
        .config(situation.network.config())
        .underlay(UnderlaySelection.ofInterface(Host.UNDERLAY_INTERFACE))
        .subnetManager(leases)
        .listener(new Progress());
    if (filter != null) {
      builder.iptablesManager(filter).masquerade(true).forward(true).blackHole(true);
    }
    if (situation.act == Situation.Act.RENEW) {
      // Due every half second.
      builder.renewMargin(situation.leaseTtl().minusMillis(500));
    }
    var network = builder.join().get(30, TimeUnit.SECONDS);
    await(up, "UP");
    return network;
  }

  /** Counts what the process waits for. */
  private final class Progress implements NetworkListener {
    @Override
    public void onState(NetworkState state) {
      if (state.phase() == NetworkState.Phase.UP) {
        up.countDown();
      }
    }

    @Override
    public void onPeer(@Nullable Lease before, @Nullable Lease after) {
      boolean wanted = situation.act == Situation.Act.PEER_COMES ? after != null : after == null;
      if (up.getCount() == 0 && wanted) {
        peers.countDown();
      }
    }

    @Override
    public void onDrift(Drift drift) {
      drifts.countDown();
    }
  }

  private static void await(CountDownLatch latch, String what) throws Exception {
    if (!latch.await(30, TimeUnit.SECONDS)) {
      throw new IOException("never " + what);
    }
  }

  private void act(OverlayNetwork network, boolean again) throws Exception {
    switch (situation.act) {
      case PEER_COMES, PEER_LEAVES -> {
        long before = store.list().revision();
        if (situation.act == Situation.Act.PEER_COMES) {
          Peers.add(store, situation.network, situation.peers() + 1);
        } else {
          Peers.remove(store, situation.network, 1);
        }
        if (store.list().revision() != before) {
          await(peers, "told of the peer");
        }
      }
      case RENEW -> awaitRenewals(network, 2);
      case REPAIR -> {
        if (!again) {
          await(drifts, "mended");
        }
      }
      case CLOSE_KEEP, CLOSE_WITHDRAW, CLOSE_PURGE -> {
        var mode = situation.act.closeMode();
        if (mode != null && (!again || situation.act == Situation.Act.CLOSE_PURGE)) {
          network.close(mode);
          leases.close();
          store.close();
        }
      }
      case JOIN, DAEMON -> throw new AssertionError("nothing is done after the barrier");
    }
  }

  private void awaitRenewals(OverlayNetwork network, int times) throws Exception {
    var renewals = new CountDownLatch(times);
    var key = network.lease().subnets().key();
    var watch = store.watch(store.list().revision(), new LeaseStore.Watcher() {
      @Override
      public void onEvents(ImmutableList<LeaseStore.Event> events) {
        for (var event : events) {
          if (event instanceof LeaseStore.Event.Put put && put.entry().key().equals(key)) {
            renewals.countDown();
          }
        }
      }

      @Override
      public void onFailure(IOException cause) {}
    });
    await(renewals, "renewed within " + Duration.ofSeconds(30));
    watch.close();
  }
}
