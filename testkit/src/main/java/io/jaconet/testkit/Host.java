package io.jaconet.testkit;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A network namespace that stands for a host: on the underlay by {@link #UNDERLAY_INTERFACE}, forwarding for its workloads. */
public final class Host implements Station {
  /** The interface on the underlay, the same name on every host. */
  public static final String UNDERLAY_INTERFACE = "eth0";

  /** The bridge that the workloads hang on. It has the first address of the subnet. */
  public static final String WORKLOAD_BRIDGE = "workloads";

  private final String name;
  private final NetworkNamespace namespace;
  private final ImmutableMap<IpFamily, IpAddress> addresses;
  private final List<Workload> workloads = new ArrayList<>();

  Host(String name, NetworkNamespace namespace, ImmutableMap<IpFamily, IpAddress> addresses) {
    this.name = name;
    this.namespace = namespace;
    this.addresses = addresses;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public NetworkNamespace namespace() {
    return namespace;
  }

  @Override
  public IpAddress address(IpFamily family) {
    var address = addresses.get(family);
    checkArgument(address != null, "%s has no %s address", name, family);
    return address;
  }

  /** Returns the workloads, in the order they were attached. */
  public ImmutableList<Workload> workloads() {
    return ImmutableList.copyOf(workloads);
  }

  /**
   * Attaches a workload: a namespace with one interface, {@code eth0}, on the host's workload bridge, and default routes through
   * the bridge. The first workload gets the second address of each subnet, the next one the third, and so on. A namespace that an
   * earlier run left under the same name is taken over if it has these addresses, else replaced.
   *
   * @param overlayMtu the MTU of the interface, in bytes
   * @param subnets the host's subnet, at most one per family
   */
  public Workload attachWorkload(int overlayMtu, IpPrefix... subnets) throws IOException {
    checkArgument(subnets.length > 0, "a workload needs a subnet");
    int number = workloads.size() + 1;
    var workloadName = name + "w" + number;
    var byFamily = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    for (var subnet : subnets) {
      checkArgument(
          byFamily.put(subnet.family(), subnet.base().plus(number + 1L)) == null, "two %s subnets", subnet.family());
    }
    var overlayAddresses = Maps.immutableEnumMap(byFamily);
    var workload = takeOver(workloadName, port(number), overlayAddresses);
    if (workload == null) {
      workload = new Workload(workloadName, Fabric.createNamespace(workloadName, false), overlayAddresses);
      try {
        connect(workload, overlayMtu, number, subnets);
      } catch (IOException e) {
        workload.namespace().delete();
        throw e;
      }
    }
    workloads.add(workload);
    return workload;
  }

  private static String port(int workload) {
    return "w" + workload;
  }

  private @Nullable Workload takeOver(String name, String port, ImmutableMap<IpFamily, IpAddress> addresses)
      throws IOException {
    if (!NetworkNamespace.names().contains(name)) {
      return null;
    }
    var workload = new Workload(name, NetworkNamespace.named(name), addresses);
    var present = workload.run("ip", "-o", "address", "show", "dev", "eth0").output();
    if (addresses.values().stream().allMatch(address -> present.contains(" " + address + "/"))) {
      return workload;
    }
    if (hasLink(port)) {
      // While the namespace at the other end still exists: the kernel takes its time to end that, and the link with it.
      new IpBatch().add("link delete %s", port).run(this);
    }
    workload.namespace().delete();
    return null;
  }

  private void connect(Workload workload, int overlayMtu, int number, IpPrefix... subnets) throws IOException {
    var port = port(number);
    var here = new IpBatch();
    if (!hasLink(WORKLOAD_BRIDGE)) {
      here.add("link add %s type bridge", WORKLOAD_BRIDGE).add("link set %s up", WORKLOAD_BRIDGE);
    } else if (workloads.isEmpty()) {
      // It is from an earlier run that had another subnet.
      here.add("address flush dev %s", WORKLOAD_BRIDGE);
    }
    here.add(
            "link add %s mtu %s type veth peer name eth0 mtu %s netns %s",
            port, overlayMtu, overlayMtu, workload.name())
        .add("link set %s master %s up", port, WORKLOAD_BRIDGE);
    var there = new IpBatch().add("link set lo up").add("link set eth0 up");
    for (var subnet : subnets) {
      var gateway = subnet.base().plus(1);
      here.add("address replace %s/%s dev %s%s", gateway, subnet.length(), WORKLOAD_BRIDGE, IpBatch.ready(gateway));
      var own = workload.address(subnet.family());
      there.add("address add %s/%s dev eth0%s", own, subnet.length(), IpBatch.ready(own))
          .add("route add default via %s dev eth0", gateway);
    }
    here.run(this);
    there.run(workload);
  }

  private boolean hasLink(String link) throws IOException {
    return namespace.call(() -> Files.readAllLines(Path.of("/proc/thread-self/net/dev")).stream()
        .anyMatch(line -> line.strip().startsWith(link + ":")));
  }

  void delete() throws IOException {
    for (var workload : workloads) {
      workload.namespace().delete();
    }
    namespace.delete();
  }

  @Override
  public String toString() {
    return name + " " + addresses.values();
  }
}
