package io.jaconet.subnet.kubernetes;

import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.spi.SubnetManager;
import io.jaconet.testkit.SubnetManagerContract;
import io.jaconet.testkit.kubernetes.ApiServer;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/** The contract, in a cluster that gives subnets to nodes as they come. */
class KubernetesSubnetManagerTest implements SubnetManagerContract {

  @Override
  public SharedLeases newLeases() throws IOException {
    var server = ApiServer.start();
    var assignment = new Assignment(server);
    return new SharedLeases() {
      @Override
      public SubnetManager newManager() throws IOException {
        return new JoiningNodes(assignment, server.url());
      }

      @Override
      public void close() {
        server.close();
      }
    };
  }

  /** Adds nodes to the cluster and gives them subnets, one after the other. */
  private static final class Assignment {
    private final ApiServer server;
    private final Map<IpPrefix, IpPrefix> last = new HashMap<>();

    Assignment(ApiServer server) {
      this.server = server;
    }

    synchronized void join(String node, NetworkConfig config) {
      if (server.nodes().contains(node)) {
        return;
      }
      server.addNode(
          node,
          config.families().stream()
              .map(family -> next(config, family).toString())
              .toArray(String[]::new));
    }

    private IpPrefix next(NetworkConfig config, IpFamily family) {
      var network = config.networks().get(family);
      var length = config.subnetLengths().get(family);
      if (network == null || length == null) {
        throw new IllegalArgumentException(config + " has no " + family);
      }
      return last.merge(
          network, new IpPrefix(network.base(), length).next(), (before, first) -> before.next());
    }
  }

  /** A manager to which nodes come that were not in the cluster before. */
  private static final class JoiningNodes implements SubnetManager {
    private final Assignment assignment;
    private final KubernetesCluster cluster;
    private final KubernetesSubnetManager manager;

    JoiningNodes(Assignment assignment, String url) throws IOException {
      this.assignment = assignment;
      this.cluster = KubernetesCluster.builder().apiUrl(url).build();
      this.manager = KubernetesSubnetManager.over(cluster);
    }

    @Override
    public LeaseGrant acquire(LeaseRequest request) throws IOException {
      assignment.join(request.nodeId(), request.config());
      return manager.acquire(request);
    }

    @Override
    public LeaseGrant renew(Lease lease, LeaseAttributes attributes) throws IOException {
      return manager.renew(lease, attributes);
    }

    @Override
    public void release(Lease lease) throws IOException {
      manager.release(lease);
    }

    @Override
    public Watch watch(Watcher watcher) throws IOException {
      return manager.watch(watcher);
    }

    @Override
    public void close() {
      manager.close();
      cluster.close();
    }
  }
}
