package io.jaconet.subnet.kubernetes;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.jaconet.event.Backoff;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.PublicIpInUseException;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.EnumMap;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Leases that a Kubernetes cluster gives: a node has the pod CIDRs that the cluster assigned to it, as long as its Node object exists, and
 * publishes what its peers must know in annotations, as flanneld does with {@code --kube-subnet-mgr}. Hosts of both kinds are one network.
 *
 * <p>The node id of a lease request is the name of the Node object. A lease has no end: without an API server the network goes on as it is.
 * Previous subnets do not matter, and neither do subnet length and range of the configuration.
 */
public final class KubernetesSubnetManager implements SubnetManager {
  private static final Logger log = LoggerFactory.getLogger(KubernetesSubnetManager.class);

  /** How often a write is tried again that somebody else's write came before, the kubelet's mostly. */
  private static final int ATTEMPTS = 10;

  private static final Duration FIRST_PAUSE = Duration.ofMillis(5);
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(500);
  private static final Duration FIRST_CONDITION_PAUSE = Duration.ofMillis(500);
  private static final Duration LONGEST_CONDITION_PAUSE = Duration.ofSeconds(15);

  private final ApiClient api;
  private final NodeWatch nodes;
  private final AnnotationNames names;
  private final NodeTable table;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Set<NodeSubscription> watches = ConcurrentHashMap.newKeySet();

  private KubernetesSubnetManager(KubernetesCluster cluster, AnnotationNames names) {
    this.api = cluster.api();
    this.nodes = cluster.nodes();
    this.names = names;
    this.table = nodes.table(names);
  }

  /** Returns a manager with flannel's annotations, {@code flannel.alpha.coreos.com/…}. The cluster stays the caller's, who closes it. */
  public static KubernetesSubnetManager over(KubernetesCluster cluster) {
    return over(cluster, AnnotationNames.FLANNEL);
  }

  /**
   * Returns a manager whose annotations begin with {@code annotationPrefix} (flannel's {@code kube-annotation-prefix}), which sets networks
   * apart that the same nodes are in. The cluster stays the caller's.
   *
   * @throws IllegalArgumentException if flannel would refuse the prefix
   */
  public static KubernetesSubnetManager over(KubernetesCluster cluster, String annotationPrefix) {
    return new KubernetesSubnetManager(cluster, AnnotationNames.of(annotationPrefix));
  }

  /**
   * Reads flannel's {@code net-conf.json} for a cluster that assigns subnets: their length is that of the node's pod CIDRs, and what the text
   * says of lengths and ranges does not count.
   *
   * @throws IOException if the node cannot be read, or has no pod CIDR yet
   * @throws IllegalArgumentException if the text says something that is not allowed
   */
  public NetworkConfig config(String json, String node) throws IOException {
    var assigned = podCidrs(api.node(node));
    try {
      if (JsonParser.parseString(json) instanceof JsonObject config) {
        for (var family : IpFamily.values()) {
          var prefix = family == IpFamily.V4 ? "" : "IPv6";
          for (var ignored : new String[] {"SubnetLen", "SubnetMin", "SubnetMax"}) {
            config.keySet().removeIf((prefix + ignored)::equalsIgnoreCase);
          }
          var subnet = assigned.get(family);
          if (subnet != null) {
            config.addProperty(prefix + "SubnetLen", subnet.length());
          }
        }
        return NetworkConfig.parse(config.toString());
      }
    } catch (JsonParseException e) {
      log.debug("Left to the parser that says where: {}", e.toString());
    }
    return NetworkConfig.parse(json);
  }

  /**
   * Returns the addresses that annotations {@code node-public-ip} and {@code node-public-ipv6} of the node want published. They stand for
   * flannel's flags of these names, and thereby select the underlay.
   *
   * @throws IOException if the node cannot be read, or such an annotation is no address
   */
  public ImmutableMap<IpFamily, IpAddress> publicIps(String node) throws IOException {
    var read = api.node(node);
    var found = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    try {
      for (var family : IpFamily.values()) {
        var address = NodeLease.address(read, names.nodePublicIp(family), family);
        if (address != null) {
          found.put(family, address);
        }
      }
    } catch (IllegalArgumentException e) {
      throw new IOException("the node " + node + ": " + e.getMessage(), e);
    }
    return Maps.immutableEnumMap(found);
  }

  @Override
  public LeaseGrant acquire(LeaseRequest request) throws IOException {
    checkOpen();
    nodes.awaitCurrent();
    return afterConflicts(() -> {
      var node = node(request.nodeId());
      requireSubnets(request.config(), node);
      var attributes = overwritten(request.attributes(), node);
      refuseSharedPublicIp(request.nodeId(), attributes);
      return new LeaseGrant(lease(publish(node, attributes)), null);
    });
  }

  private Node node(String name) throws IOException {
    try {
      return api.node(name);
    } catch (ApiFailure e) {
      if (e.status() == ApiFailure.NOT_FOUND) {
        throw new IOException(
            "the cluster has no node '" + name + "'; NODE_NAME has to be the name of a Node", e);
      }
      throw e;
    }
  }

  private static ImmutableMap<IpFamily, IpPrefix> podCidrs(Node node) throws IOException {
    ImmutableMap<IpFamily, IpPrefix> assigned;
    try {
      assigned = NodeLease.podCidrs(node);
    } catch (IllegalArgumentException e) {
      throw new IOException("the node " + node.name() + ": " + e.getMessage(), e);
    }
    if (assigned.isEmpty()) {
      throw new IOException("the node " + node.name() + " has no podCIDR yet;"
          + " kube-controller-manager assigns them with --allocate-node-cidrs and --cluster-cidr");
    }
    return assigned;
  }

  private static void requireSubnets(NetworkConfig config, Node node) throws IOException {
    var assigned = podCidrs(node);
    for (var family : config.families()) {
      var subnet = assigned.get(family);
      if (subnet == null) {
        throw new IOException("the node " + node.name() + " has no podCIDR of " + family
            + ", which the network's configuration enables; it has " + assigned.values());
      }
      var network = config.networks().get(family);
      if (network == null || !network.contains(subnet)) {
        throw new NoFreeSubnetException("the podCIDR " + subnet + " of the node " + node.name()
            + " is outside the network " + network
            + "; the network has to be kube-controller-manager's --cluster-cidr");
      }
    }
  }

  private LeaseAttributes overwritten(LeaseAttributes attributes, Node node) throws IOException {
    try {
      return NodeLease.overwritten(attributes, node, names);
    } catch (IllegalArgumentException e) {
      throw new IOException("the node " + node.name() + ": " + e.getMessage(), e);
    }
  }

  private void refuseSharedPublicIp(String node, LeaseAttributes attributes) throws IOException {
    var other = nodes.ask(table, known -> known.sharingPublicIp(node, attributes));
    if (other.isPresent()) {
      throw new PublicIpInUseException("a public IP of " + attributes + " belongs to "
          + other.get().holder() + ", which is ready and holds " + other.get().subnets()
          + "; choose another interface or public IP here or there");
    }
  }

  private Lease lease(Node node) throws IOException {
    try {
      return NodeLease.read(node, names);
    } catch (IllegalArgumentException e) {
      throw new IOException("the node " + node.name() + ": " + e.getMessage(), e);
    }
  }

  private Node publish(Node node, LeaseAttributes attributes) throws IOException {
    return annotate(node, NodeLease.publication(attributes, node, names));
  }

  /** Changes annotations unless somebody has written to the node since it was read. */
  private Node annotate(Node node, JsonObject changes) throws IOException {
    if (changes.isEmpty()) {
      return node;
    }
    var metadata = new JsonObject();
    metadata.addProperty("resourceVersion", Long.toString(node.revision()));
    metadata.add("annotations", changes);
    var patch = new JsonObject();
    patch.add("metadata", metadata);
    var written = api.patchStatus(node.name(), patch);
    nodes.learn(written);
    return written;
  }

  @Override
  public LeaseGrant renew(Lease lease, LeaseAttributes attributes) throws IOException {
    checkOpen();
    return afterConflicts(() -> {
      var node = own(lease, attributes);
      return new LeaseGrant(lease(publish(node, overwritten(attributes, node))), null);
    });
  }

  @Override
  public void release(Lease lease) throws IOException {
    checkOpen();
    try {
      afterConflicts(() -> {
        var node = own(lease, lease.attributes());
        return annotate(node, NodeLease.withdrawal(node, names));
      });
    } catch (LeaseLostException gone) {
      // What is not the node's any more need not be given back.
    }
  }

  /**
   * Returns the node of {@code lease} if it still has that: the same Node object with the same subnets, which publishes what this process
   * wrote, perhaps by a renewal with {@code wanted} whose answer was lost.
   */
  private Node own(Lease lease, LeaseAttributes wanted) throws IOException {
    var name = nodeName(lease);
    Node node;
    try {
      node = api.node(name);
    } catch (ApiFailure e) {
      if (e.status() == ApiFailure.NOT_FOUND) {
        throw new LeaseLostException("the node " + name + " is gone");
      }
      throw e;
    }
    if (node.created() != lease.created()) {
      throw new LeaseLostException("the node " + node.name() + " was deleted and created anew");
    }
    if (!NodeLease.takesPart(node, names)) {
      throw new LeaseLostException(
          "the node " + node.name() + " does not take part: " + names.marker() + " is not true");
    }
    var present = present(node);
    if (!present.subnets().equals(lease.subnets())) {
      throw new LeaseLostException("the node " + node.name() + " has " + present.subnets()
          + " and no longer " + lease.subnets());
    }
    if (!present.attributes().equals(lease.attributes())
        && !present.attributes().equals(overwritten(wanted, node))) {
      throw new LeaseLostException(
          "another process on the node " + node.name() + " publishes " + present.attributes());
    }
    return node;
  }

  private static String nodeName(Lease lease) {
    checkArgument(
        lease.holder() != null, "not a lease of one's own, it has no holder: %s", lease.subnets());
    return lease.holder();
  }

  private Lease present(Node node) throws LeaseLostException {
    try {
      return NodeLease.read(node, names);
    } catch (IllegalArgumentException e) {
      throw new LeaseLostException(
          "the node " + node.name() + " has no lease that can be read: " + e.getMessage());
    }
  }

  private interface Step<T> {
    T run() throws IOException;
  }

  /** Runs {@code step} again, from reading the node on, when somebody else's write came before its own; the kubelet writes often. */
  private <T> T afterConflicts(Step<T> step) throws IOException {
    var backoff = new Backoff(FIRST_PAUSE, LONGEST_PAUSE, new SplittableRandom());
    for (int attempt = 1; ; attempt++) {
      try {
        return step.run();
      } catch (ApiFailure e) {
        if (e.status() != ApiFailure.CONFLICT || attempt == ATTEMPTS) {
          throw e;
        }
        pause(backoff.next());
      }
    }
  }

  private void pause(Duration duration) throws IOException {
    try {
      closed.await(duration.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting to write to the node again");
    }
    checkOpen();
  }

  /**
   * Says that the network of {@code lease} carries traffic, by setting the condition {@code NetworkUnavailable} of its node to false, without
   * which a cloud's nodes get no pods. To be called when the join is done, since only then all known peers are in the kernel. Returns at
   * once; the condition is tried until it is set, or this is closed.
   */
  public void setNetworkAvailable(Lease lease) {
    var node = nodeName(lease);
    var backoff =
        new Backoff(FIRST_CONDITION_PAUSE, LONGEST_CONDITION_PAUSE, new SplittableRandom());
    api.execute(() -> setNetworkAvailable(node, backoff, true));
  }

  private void setNetworkAvailable(String node, Backoff backoff, boolean first) {
    if (closed.getCount() == 0) {
      return;
    }
    try {
      api.patchStatus(node, networkAvailable(Instant.now()));
      log.info("The network of {} is reported to be available", node);
    } catch (IOException e) {
      if (first) {
        log.warn(
            "NetworkUnavailable of {} is not set to false yet, will try again: {}",
            node,
            e.getMessage());
      }
      api.schedule(backoff.next(), () -> setNetworkAvailable(node, backoff, false));
    }
  }

  private static JsonObject networkAvailable(Instant now) {
    var time = now.truncatedTo(ChronoUnit.SECONDS).toString();
    var condition = new JsonObject();
    condition.addProperty("type", "NetworkUnavailable");
    condition.addProperty("status", "False");
    condition.addProperty("lastHeartbeatTime", time);
    condition.addProperty("lastTransitionTime", time);
    condition.addProperty("reason", "FlannelIsUp");
    condition.addProperty("message", "Flannel is running on this node");
    var conditions = new JsonArray();
    conditions.add(condition);
    var status = new JsonObject();
    status.add("conditions", conditions);
    var patch = new JsonObject();
    patch.add("status", status);
    return patch;
  }

  @Override
  public Watch watch(Watcher watcher) throws IOException {
    checkOpen();
    var watch = nodes.subscribe(table, watcher, watches::remove);
    watches.add(watch);
    return watch;
  }

  private void checkOpen() throws IOException {
    if (closed.getCount() == 0) {
      throw new IOException("the subnet manager is closed");
    }
  }

  /** Ends the watches of this manager; unless called by a watcher, waits for calls of watchers that are under way. */
  @Override
  public void close() {
    closed.countDown();
    boolean calledByWatcher = watches.stream().anyMatch(NodeSubscription::isCalledByThisThread);
    for (var watch : watches) {
      if (calledByWatcher) {
        watch.stop();
      } else {
        watch.close();
      }
    }
  }
}
