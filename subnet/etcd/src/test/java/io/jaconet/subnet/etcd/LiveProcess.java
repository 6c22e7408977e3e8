package io.jaconet.subnet.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.OverlayNetwork;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.vxlan.VxlanBackendProvider;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The process of a host in {@link LiveEpisodesTest}: joins with the kernel's VXLAN in the namespace that it is told and etcd at the end of
 * its relay, says what happens on its standard output, and does what its standard input says: {@code join KEY}, {@code leave}.
 */
final class LiveProcess {
  private LiveProcess() {}

  private static final class Speaker implements NetworkListener {
    @Override
    public void onState(NetworkState state) {
      System.out.println("state " + state.phase() + " " + state.reason());
    }

    @Override
    public void onLease(@Nullable Lease before, Lease after) {
      System.out.println("lease " + after.subnets().key());
    }
  }

  /** Takes the endpoint of etcd, the prefix in it, the name of the host's namespace, the network's configuration and the TTL in milliseconds. */
  public static void main(String[] args) throws Exception {
    var store =
        EtcdLeaseStore.builder().endpoints(List.of(args[0])).prefix(args[1]).build();
    var leases = StoreSubnetManager.builder(store)
        .leaseTtl(Duration.ofMillis(Long.parseLong(args[4])))
        .build();
    var commands = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    OverlayNetwork network = null;
    for (var line = commands.readLine(); line != null; line = commands.readLine()) {
      if (line.equals("leave") && network != null) {
        leave(network);
        System.out.println("left");
      } else if (line.startsWith("join")) {
        network = join(
            leases, args[2], NetworkConfig.parse(args[3]), line.substring(4).strip());
        System.out.println("joined");
      }
    }
    // Whoever gave the commands is gone.
    System.exit(1);
  }

  private static void leave(OverlayNetwork network) {
    try {
      network.close(CloseMode.PURGE);
    } catch (IOException storeIsAway) {
      System.err.println("left without giving the lease back: " + storeIsAway.getMessage());
    }
  }

  private static OverlayNetwork join(
      StoreSubnetManager leases, String namespace, NetworkConfig config, String wish)
      throws Exception {
    var builder = Jaconet.builder()
        .nodeId(namespace)
        .config(config)
        .backendProvider(new VxlanBackendProvider())
        .underlay(UnderlaySelection.ofInterface("eth0"))
        .namespace(Path.of("/run/netns", namespace))
        .subnetManager(leases)
        .listener(new Speaker());
    if (!wish.isEmpty()) {
      builder.previousSubnets(Subnets.parseKey(wish));
    }
    return builder.join().get();
  }
}
