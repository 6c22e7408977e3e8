package io.jaconet.testkit;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.jaconet.linux.Link;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Hosts on one machine: a network namespace for each, joined by one switch, so that they reach each other at their underlay
 * addresses of both families and through nothing else. The switch is a namespace, too, with a bridge at which every host's
 * default route ends; it knows no overlay and serves as the world outside.
 *
 * <p>The names of all namespaces begin with the fabric's prefix. {@link #close()} removes them; what a killed process left
 * behind, {@link #removeLeftovers} does, or {@link Builder#openOrCreate()} takes over. Works as root and inside
 * {@code unshare -Urnm}. Not for use by several threads at once.
 */
public final class Fabric implements AutoCloseable {
  /** The hosts' underlay of each family: host n has the n-th address, the switch the 254th. */
  public static final ImmutableMap<IpFamily, IpPrefix> UNDERLAY = ImmutableMap.of(
      IpFamily.V4, IpPrefix.parse("192.0.2.0/24"), IpFamily.V6, IpPrefix.parse("2001:db8::/64"));

  /** The network outside, behind the switch: the outsider has the second address, the switch the first. */
  private static final ImmutableMap<IpFamily, IpPrefix> OUTSIDE = ImmutableMap.of(
      IpFamily.V4, IpPrefix.parse("198.51.100.0/24"),
      IpFamily.V6, IpPrefix.parse("2001:db8:1::/64"));

  private static final int MAX_HOSTS = 200;
  private static final int SWITCH_NUMBER = 254;
  private static final int MIN_MTU = 1280;
  private static final int MAX_MTU = 65535;
  private static final String BRIDGE = "underlay";
  private static final String OUTSIDER = "outside";
  private static final String WORKLOAD = "w[0-9]+";

  private final Host world;
  private final ImmutableList<Host> hosts;
  private final boolean takenOver;
  private @Nullable Host outsider;

  private Fabric(Host world, ImmutableList<Host> hosts, boolean takenOver) {
    this.world = world;
    this.hosts = hosts;
    this.takenOver = takenOver;
  }

  /** Returns a builder of two hosts, MTU 1500, and a prefix that names this process. */
  public static Builder builder() {
    return new Builder();
  }

  /** Builds a {@link Fabric}. */
  public static final class Builder {
    private String prefix = "jaconet" + ProcessHandle.current().pid() + "-";
    private int hosts = 2;
    private int underlayMtu = 1500;

    private Builder() {}

    /** Sets how the names of all namespaces begin. */
    public Builder prefix(String prefix) {
      checkArgument(
          prefix.matches("[a-z0-9][a-z0-9-]{0,40}"),
          "'%s' is not a prefix: lower case, digits, -",
          prefix);
      this.prefix = prefix;
      return this;
    }

    /** Sets the number of hosts, 1 to 200. */
    public Builder hosts(int hosts) {
      checkArgument(
          hosts >= 1 && hosts <= MAX_HOSTS, "%s hosts; 1 to %s are possible", hosts, MAX_HOSTS);
      this.hosts = hosts;
      return this;
    }

    /** Sets the MTU of the underlay in bytes, from 1280, the least that IPv6 works with. */
    public Builder underlayMtu(int underlayMtu) {
      checkArgument(
          underlayMtu >= MIN_MTU && underlayMtu <= MAX_MTU,
          "MTU %s is not in %s..%s",
          underlayMtu,
          MIN_MTU,
          MAX_MTU);
      this.underlayMtu = underlayMtu;
      return this;
    }

    /**
     * Makes the fabric.
     *
     * @throws IOException if a namespace of a name that it needs exists or the rights are missing; nothing is left behind
     */
    public Fabric create() throws IOException {
      var made = ImmutableList.<Host>builder();
      try {
        for (int number = 0; number <= hosts; number++) {
          made.add(host(number, createNamespace(name(number), number > 0)));
        }
        var stations = made.build();
        wire(stations);
        return fabric(stations, false);
      } catch (IOException | RuntimeException e) {
        delete(made.build(), e);
        throw e;
      }
    }

    /**
     * Takes over the fabric of this prefix that an earlier process left, or makes it. One that is incomplete or has another number
     * of hosts is removed first.
     */
    public Fabric openOrCreate() throws IOException {
      if (!isComplete()) {
        removeLeftovers(prefix);
        return create();
      }
      var stations = ImmutableList.<Host>builder();
      for (int number = 0; number <= hosts; number++) {
        stations.add(host(number, NetworkNamespace.named(name(number))));
      }
      return fabric(stations.build(), true);
    }

    private boolean isComplete() throws IOException {
      var names = NetworkNamespace.names();
      for (int number = 0; number <= hosts; number++) {
        if (!names.contains(name(number))) {
          return false;
        }
      }
      if (names.contains(name(hosts + 1))) {
        return false;
      }
      try (var namespace = NetworkNamespace.named(name(hosts));
          var last = StationKernel.of(host(hosts, namespace))) {
        return last.hasDefaultRoute();
      }
    }

    private String name(int number) {
      return prefix + (number == 0 ? "switch" : "h" + number);
    }

    private Host host(int number, NetworkNamespace namespace) {
      int address = number == 0 ? SWITCH_NUMBER : number;
      return new Host(
          name(number),
          namespace,
          ImmutableMap.copyOf(
              Maps.transformValues(UNDERLAY, prefix -> prefix.base().plus(address))));
    }

    private static Fabric fabric(ImmutableList<Host> stations, boolean takenOver) {
      return new Fabric(stations.get(0), stations.subList(1, stations.size()), takenOver);
    }

    /** The switch first: the hosts' interfaces come into being with its ports. A default route is each host's last step. */
    private void wire(ImmutableList<Host> stations) throws IOException {
      var world = stations.get(0);
      var macs = ImmutableMap.<IpAddress, MacAddress>builder();
      try (var kernel = StationKernel.of(world)) {
        kernel.setLoopbackUp();
        var bridge = kernel.addBridge(BRIDGE);
        for (int number = 1; number < stations.size(); number++) {
          kernel.addPort(bridge, "h" + number, stations.get(number), underlayMtu);
        }
        kernel.setUp(bridge, underlayMtu);
        addAddresses(kernel, bridge, world);
        collect(kernel.mac(BRIDGE), world, macs);
      }
      for (var host : stations.subList(1, stations.size())) {
        try (var kernel = StationKernel.of(host)) {
          var link = kernel.link(Host.UNDERLAY_INTERFACE);
          kernel.setLoopbackUp();
          kernel.setUp(link, underlayMtu);
          addAddresses(kernel, link, host);
          for (var family : IpFamily.values()) {
            kernel.addDefaultRoute(link, world.address(family));
          }
          collect(kernel.mac(Host.UNDERLAY_INTERFACE), host, macs);
        }
      }
      introduce(stations, macs.buildOrThrow());
      for (var host : stations.subList(1, stations.size())) {
        for (var family : IpFamily.values()) {
          host.awaitAnswerFrom(world.address(family));
        }
      }
    }

    private static void collect(
        MacAddress mac, Host of, ImmutableMap.Builder<IpAddress, MacAddress> macs) {
      for (var family : IpFamily.values()) {
        macs.put(of.address(family), mac);
      }
    }

    /** Spares the kernel the learning of neighbors: all namespaces share one table of 1024, which 33 hosts would fill. */
    private static void introduce(
        ImmutableList<Host> stations, ImmutableMap<IpAddress, MacAddress> macs) throws IOException {
      for (var station : stations) {
        try (var kernel = StationKernel.of(station)) {
          kernel.addNeighbors(
              kernel.link(station == stations.get(0) ? BRIDGE : Host.UNDERLAY_INTERFACE), macs);
        }
      }
    }

    private static void addAddresses(StationKernel kernel, Link link, Host host)
        throws IOException {
      for (var prefix : UNDERLAY.values()) {
        kernel.addAddress(link, host.address(prefix.family()), prefix.length());
      }
    }
  }

  /** Creates a namespace whose interfaces take no IPv6 address or route that nobody gave them, and use addresses at once. */
  static NetworkNamespace createNamespace(String name, boolean forwards) throws IOException {
    var namespace = NetworkNamespace.createNamed(name);
    try {
      namespace.run(() -> {
        var settings = Path.of("/proc/sys/net");
        Files.writeString(settings.resolve("ipv6/conf/default/accept_ra"), "0");
        Files.writeString(settings.resolve("ipv6/conf/default/accept_dad"), "0");
      });
      setForwarding(namespace, forwards);
      return namespace;
    } catch (IOException | RuntimeException e) {
      try {
        namespace.delete();
      } catch (IOException undo) {
        e.addSuppressed(undo);
      }
      throw e;
    }
  }

  private static void setForwarding(NetworkNamespace namespace, boolean forwards)
      throws IOException {
    namespace.run(() -> {
      var settings = Path.of("/proc/sys/net");
      Files.writeString(settings.resolve("ipv4/ip_forward"), forwards ? "1" : "0");
      Files.writeString(settings.resolve("ipv6/conf/all/forwarding"), forwards ? "1" : "0");
    });
  }

  /** Returns the hosts, from 1 on in their names. */
  public ImmutableList<Host> hosts() {
    return hosts;
  }

  /**
   * Returns the host of a number, counted from 1.
   *
   * @throws IllegalArgumentException if there is none
   */
  public Host host(int number) {
    checkArgument(number >= 1 && number <= hosts.size(), "no host %s of %s", number, hosts.size());
    return hosts.get(number - 1);
  }

  /** Returns whether the hosts were there before, left by an earlier process. */
  public boolean isTakenOver() {
    return takenOver;
  }

  /** Returns the switch: on the underlay, but without a way to any overlay. */
  public Host world() {
    return world;
  }

  /**
   * Attaches a host that is not on the underlay but behind the switch, which routes between it and the hosts from now on. It knows no
   * overlay either. One that an earlier process left is taken over.
   */
  public Host attachOutsider() throws IOException {
    var attached = outsider;
    if (attached != null) {
      return attached;
    }
    var name = world.name().substring(0, world.name().length() - "switch".length()) + OUTSIDER;
    attached = takeOverOutsider(name);
    if (attached == null) {
      attached = outsider(name, createNamespace(name, false));
      outsider = attached;
      wireOutsider(attached);
    }
    outsider = attached;
    return attached;
  }

  private static Host outsider(String name, NetworkNamespace namespace) {
    return new Host(
        name,
        namespace,
        ImmutableMap.copyOf(
            Maps.transformValues(OUTSIDE, prefix -> prefix.base().plus(2))));
  }

  /** Returns null, and leaves nothing of it, if there is none that was finished. */
  private @Nullable Host takeOverOutsider(String name) throws IOException {
    if (!NetworkNamespace.names().contains(name)) {
      return null;
    }
    var left = outsider(name, NetworkNamespace.named(name));
    try (var there = StationKernel.of(left)) {
      if (there.hasDefaultRoute()) {
        return left;
      }
    }
    try (var here = StationKernel.of(world)) {
      if (here.hasLink(OUTSIDER)) {
        here.deleteLink(OUTSIDER);
      }
    }
    left.namespace().delete();
    return null;
  }

  private void wireOutsider(Host attached) throws IOException {
    setForwarding(world.namespace(), true);
    try (var here = StationKernel.of(world);
        var there = StationKernel.of(attached)) {
      here.addLink(OUTSIDER, attached);
      int mtu = here.link(BRIDGE).mtu();
      here.setUp(here.link(OUTSIDER), mtu);
      there.setLoopbackUp();
      var link = there.link(Host.UNDERLAY_INTERFACE);
      there.setUp(link, mtu);
      for (var prefix : OUTSIDE.values()) {
        here.addAddress(here.link(OUTSIDER), prefix.base().plus(1), prefix.length());
        there.addAddress(link, attached.address(prefix.family()), prefix.length());
        there.addDefaultRoute(link, prefix.base().plus(1));
      }
    }
    for (var prefix : OUTSIDE.values()) {
      attached.awaitAnswerFrom(prefix.base().plus(1));
    }
  }

  /** Removes the hosts, their workloads also of an earlier run, and the switch. Interfaces in them end with them. */
  @Override
  public void close() throws IOException {
    var failures = new IOException("some of the fabric could not be removed");
    var all = ImmutableList.<Host>builder().addAll(hosts).add(world);
    if (outsider != null) {
      all.add(outsider);
    }
    delete(all.build(), failures);
    if (failures.getSuppressed().length > 0) {
      throw failures;
    }
  }

  private static void delete(ImmutableList<Host> hosts, Exception failures) {
    for (var host : hosts) {
      for (var namespace : host.namespaces()) {
        try {
          namespace.delete();
        } catch (IOException e) {
          failures.addSuppressed(e);
        }
      }
      try {
        remove(host.name(), WORKLOAD);
      } catch (IOException e) {
        failures.addSuppressed(e);
      }
    }
  }

  /**
   * Removes every namespace that has a name as a fabric of {@code prefix} gives it, whoever made it.
   *
   * @return the names that were removed
   */
  public static ImmutableList<String> removeLeftovers(String prefix) throws IOException {
    checkState(!prefix.isEmpty(), "an empty prefix would remove namespaces that are no fabric's");
    return remove(prefix, "(switch|" + OUTSIDER + "|h[0-9]+(" + WORKLOAD + ")?)");
  }

  private static ImmutableList<String> remove(String prefix, String rest) throws IOException {
    var name = Pattern.compile(Pattern.quote(prefix) + rest);
    var removed = ImmutableList.<String>builder();
    for (var present : NetworkNamespace.names()) {
      if (name.matcher(present).matches()) {
        NetworkNamespace.named(present).delete();
        removed.add(present);
      }
    }
    return removed.build();
  }
}
