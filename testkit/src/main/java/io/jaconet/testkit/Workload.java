package io.jaconet.testkit;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;

/** A network namespace that hangs on a host and has an address of the host's subnet, as a container or a pod does. */
public final class Workload implements Station {
  private final String name;
  private final NetworkNamespace namespace;
  private final ImmutableMap<IpFamily, IpAddress> addresses;

  Workload(String name, NetworkNamespace namespace, ImmutableMap<IpFamily, IpAddress> addresses) {
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

  /** Returns the overlay address per family. */
  public ImmutableMap<IpFamily, IpAddress> addresses() {
    return addresses;
  }

  @Override
  public IpAddress address(IpFamily family) {
    var address = addresses.get(family);
    checkArgument(address != null, "%s has no %s address", name, family);
    return address;
  }

  @Override
  public String toString() {
    return name + " " + addresses.values();
  }
}
