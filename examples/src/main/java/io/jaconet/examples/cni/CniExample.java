package io.jaconet.examples.cni;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import com.google.gson.JsonObject;
import io.jaconet.Jaconet;
import io.jaconet.OverlayNetwork;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.InMemoryLeaseStore;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How do containers get on the overlay? By the CNI plugins bridge and host-local, on two hosts that are namespaces of this machine. */
public final class CniExample {
  private CniExample() {}

  /** Makes two hosts with a container each, lets one ping the other, takes both off again, and removes everything. */
  public static void main(String... arguments) throws Exception {
    var config =
        NetworkConfig.builder().network("10.244.0.0/16").backend("vxlan").build();
    var directory = Files.createTempDirectory("cni-example");
    try (var fabric = Fabric.builder().hosts(2).create();
        var store = new InMemoryLeaseStore();
        var leases = StoreSubnetManager.over(store);
        var left = join(fabric.host(1), config, leases, directory);
        var right = join(fabric.host(2), config, leases, directory)) {
      try (var here = Container.add(fabric.host(1), left, directory);
          var there = Container.add(fabric.host(2), right, directory)) {
        here.ping(there);
      }
      System.out.println("left behind: " + leftovers(fabric.host(1)));
    } finally {
      MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }

  private static OverlayNetwork join(
      Host host, NetworkConfig config, SubnetManager leases, Path directory) throws Exception {
    return Jaconet.builder()
        .name(host.name())
        .nodeId(host.name())
        .namespace(Path.of("/run/netns", host.name()))
        .config(config)
        .subnetManager(leases)
        .subnetFile(subnetFile(host, directory))
        .join()
        .get();
  }

  private static Path subnetFile(Host host, Path directory) {
    return directory.resolve(host.name()).resolve("subnet.env");
  }

  private static String leftovers(Host host) throws IOException {
    var veths = host.run("ip", "-o", "link", "show", "master", "cni0").output();
    return veths.isEmpty() ? "nothing" : veths;
  }

  /** A network namespace that the plugins have connected. */
  private record Container(
      String id, Path netns, NetworkNamespace namespace, CniHost host, JsonObject result)
      implements AutoCloseable {

    static Container add(Host host, OverlayNetwork network, Path directory) throws IOException {
      var id = host.name() + "w1";
      var netns = Path.of("/run/netns", id);
      var namespace = NetworkNamespace.createNamed(id);
      // By then a lease is held, but its file may still be on its way.
      network.subnetEnv().write(subnetFile(host, directory));
      var plugins = new CniHost(
          host.namespace(), subnetFile(host, directory), directory.resolve(host.name()));
      var result = plugins.add(id, netns);
      plugins.check(id, netns, result);
      return new Container(id, netns, namespace, plugins, result);
    }

    String address() {
      var cidr =
          result.getAsJsonArray("ips").get(0).getAsJsonObject().get("address").getAsString();
      return cidr.substring(0, cidr.indexOf('/'));
    }

    void ping(Container other) throws IOException, InterruptedException {
      var ping = namespace.start(new ProcessBuilder(
          "ping", "-n", "-q", "-c", "3", "-i", "0.2", "-W", "2", other.address()));
      var how = ping.waitFor() == 0 ? " reached " : " did not reach ";
      System.out.println(address() + how + other.address());
    }

    @Override
    public void close() throws IOException {
      try {
        host.delete(id, netns);
      } finally {
        namespace.delete();
      }
    }
  }
}
