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
  private ImmutableList<IpPrefix> workloadSubnets = ImmutableList.of();

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
   * the bridge. The bridge has the first address after the base of each subnet, the first workload the second, and so on; all
   * workloads of a host are in the same subnets. A namespace that an earlier run left under the same name is taken over if it has
   * these addresses, else replaced.
   *
   * @param overlayMtu the MTU of the interface, in bytes
   * @param subnets the host's subnet, at most one per family
   */
  public Workload attachWorkload(int overlayMtu, IpPrefix... subnets) throws IOException {
    checkArgument(subnets.length > 0, "a workload needs a subnet");
    checkArgument(
        workloads.isEmpty() || workloadSubnets.equals(ImmutableList.copyOf(subnets)),
        "the workloads of %s are in %s",
        name,
        workloadSubnets);
    int number = workloads.size() + 1;
    var port = "w" + number;
    var workloadName = name + port;
    var byFamily = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    for (var subnet : subnets) {
      checkArgument(
          byFamily.put(subnet.family(), subnet.base().plus(number + 1L)) == null,
          "two %s subnets",
          subnet.family());
    }
    var overlayAddresses = Maps.immutableEnumMap(byFamily);
    var workload = takeOver(workloadName, port, overlayAddresses);
    if (workload == null) {
      workload =
          new Workload(workloadName, Fabric.createNamespace(workloadName, false), overlayAddresses);
      try {
        connect(workload, overlayMtu, port, subnets);
      } catch (IOException e) {
        try {
          workload.namespace().delete();
        } catch (IOException undo) {
          e.addSuppressed(undo);
        }
        throw e;
      }
    }
    workloadSubnets = ImmutableList.copyOf(subnets);
    workloads.add(workload);
    return workload;
  }

  private @Nullable Workload takeOver(
      String name, String port, ImmutableMap<IpFamily, IpAddress> addresses) throws IOException {
    if (!NetworkNamespace.names().contains(name)) {
      return null;
    }
    var workload = new Workload(name, NetworkNamespace.named(name), addresses);
    if (hasAddresses(workload)) {
      return workload;
    }
    try (var kernel = StationKernel.of(this)) {
      if (kernel.hasLink(port)) {
        // While the namespace at the other end still exists: the kernel takes its time to end that,
        // and the link with it.
        kernel.deleteLink(port);
      }
    }
    workload.namespace().delete();
    return null;
  }

  private static boolean hasAddresses(Workload workload) throws IOException {
    try (var kernel = StationKernel.of(workload)) {
      for (var address : workload.addresses().values()) {
        if (!kernel.hasAddress(address)) {
          return false;
        }
      }
      return true;
    }
  }

  private void connect(Workload workload, int overlayMtu, String port, IpPrefix... subnets)
      throws IOException {
    try (var kernel = StationKernel.of(this)) {
      var bridge = kernel.hasLink(WORKLOAD_BRIDGE)
          ? kernel.link(WORKLOAD_BRIDGE)
          : kernel.addBridge(WORKLOAD_BRIDGE);
      kernel.addPort(bridge, port, workload, overlayMtu);
      if (workloads.isEmpty()) {
        // Those of an earlier run may be of another subnet.
        kernel.removeAddresses(bridge);
        for (var subnet : subnets) {
          kernel.addAddress(bridge, gateway(subnet), subnet.length());
        }
      }
    }
    try (var kernel = StationKernel.of(workload)) {
      var link = kernel.link(UNDERLAY_INTERFACE);
      kernel.setLoopbackUp();
      kernel.setUp(link, overlayMtu);
      for (var subnet : subnets) {
        kernel.addAddress(link, workload.address(subnet.family()), subnet.length());
        kernel.addDefaultRoute(link, gateway(subnet));
      }
    }
    for (var subnet : subnets) {
      workload.awaitAnswerFrom(gateway(subnet));
    }
  }

  private static IpAddress gateway(IpPrefix subnet) {
    return subnet.base().plus(1);
  }

  /** Returns the host's namespace and those of its workloads. */
  ImmutableList<NetworkNamespace> namespaces() {
    return ImmutableList.<NetworkNamespace>builder()
        .add(namespace)
        .addAll(workloads.stream().map(Workload::namespace).toList())
        .build();
  }

  @Override
  public String toString() {
    return name + " " + addresses.values();
  }
}
