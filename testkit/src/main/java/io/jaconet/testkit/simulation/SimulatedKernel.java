package io.jaconet.testkit.simulation;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.EntryChange;
import io.jaconet.linux.EntryFailure;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.linux.ForwardingEntry.Nexthop;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.linux.ForwardingTables;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import io.jaconet.testkit.FakeForwardingTables;
import java.io.IOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The kernel of a simulated host: a VXLAN device per family and the entries behind it. It outlives processes, can be made to refuse any
 * call, and can be damaged as other programs do: taking a device down makes the kernel forget its routes, nexthops and neighbors, removing
 * it everything.
 *
 * <p>Confined to the simulation's thread.
 */
public final class SimulatedKernel {
  /** The underlay's interfaces have the lower ones. */
  private static final int LAST_INDEX_OF_OTHERS = 10;

  private final FakeForwardingTables entries = new FakeForwardingTables();
  private final Tables tables = new Tables();
  private final Map<IpFamily, Device> devices = new EnumMap<>(IpFamily.class);
  private ToIntFunction<String> refusal = call -> 0;
  private int lastIndex = LAST_INDEX_OF_OTHERS;
  private int deviceWrites;
  private long version;

  SimulatedKernel() {}

  /** A device as the kernel shows it. */
  static final class Device {
    final int index;
    MacAddress mac;

    @Nullable
    IpAddress address;

    boolean up;

    Device(int index, MacAddress mac) {
      this.index = index;
      this.mac = mac;
    }
  }

  /**
   * Answers calls for which {@code errno} returns other than 0 with that error, from now on. A call is named by what it does, such as
   * {@code "create link"}, {@code "dump routes"} or {@code "REPLACE Fdb"}.
   */
  public void refuse(ToIntFunction<String> errno) {
    refusal = errno;
  }

  private void call(String name) throws IOException {
    int errno = refusal.applyAsInt(name);
    if (errno != 0) {
      throw new IOException(name + ": errno " + errno);
    }
  }

  private void write(String name) throws IOException {
    call(name);
    deviceWrites++;
    version++;
  }

  Optional<Device> device(IpFamily family) throws IOException {
    call("read link");
    return peek(family);
  }

  Optional<Device> peek(IpFamily family) {
    return Optional.ofNullable(devices.get(family));
  }

  Device create(IpFamily family, MacAddress mac) throws IOException {
    write("create link");
    var device = new Device(++lastIndex, mac);
    devices.put(family, device);
    return device;
  }

  void setMac(Device device, MacAddress mac) throws IOException {
    write("set MAC");
    device.mac = mac;
  }

  void setAddress(Device device, IpAddress address) throws IOException {
    write("add address");
    device.address = address;
  }

  void setUp(Device device) throws IOException {
    write("set up");
    device.up = true;
  }

  void setDown(Device device) throws IOException {
    write("set down");
    takeDown(device);
  }

  void delete(IpFamily family) throws IOException {
    write("delete link");
    removeDevice(family);
  }

  private void takeDown(Device device) {
    device.up = false;
    forget(device.index, entry -> !(entry instanceof ForwardingEntry.Fdb));
  }

  private void forget(int link, Predicate<ForwardingEntry> which) {
    entries.tamper(entry -> entry.linkIndex() == link && which.test(entry));
    version++;
  }

  /** Takes the device of a family down, as another program might. */
  public void damageByTakingDown(IpFamily family) {
    peek(family).ifPresent(this::takeDown);
  }

  /** Removes the device of a family, as another program might, or the kernel when the interface below goes. */
  public void removeDevice(IpFamily family) {
    var device = devices.remove(family);
    if (device != null) {
      forget(device.index, entry -> true);
    }
  }

  /** Removes the address of a family's device, and the routes with it. */
  public void removeAddress(IpFamily family) {
    peek(family).ifPresent(device -> {
      device.address = null;
      forget(device.index, entry -> entry instanceof Route);
    });
  }

  /** Gives the device of a family another MAC. */
  public void changeMac(IpFamily family, MacAddress mac) {
    peek(family).ifPresent(device -> {
      device.mac = mac;
      version++;
    });
  }

  /** Removes the entries that {@code which} accepts. */
  public void removeEntries(Predicate<ForwardingEntry> which) {
    entries.tamper(which);
    version++;
  }

  /** Puts {@code entry} in the place of whatever has its key. */
  public void plant(ForwardingEntry entry) {
    entries.plant(entry);
    version++;
  }

  /** Returns all entries as they are. */
  public ImmutableSet<ForwardingEntry> entries() {
    return entries.entries();
  }

  /** Returns what the entries of a link mean: routes with the gateways that their nexthop objects stand for. */
  ImmutableSet<ForwardingEntry> meaning(int link) {
    var nexthops = entries.nexthops(0);
    var meaning = ImmutableSet.<ForwardingEntry>builder();
    for (ForwardingEntry entry : entries.entries()) {
      if (entry.linkIndex() != link || entry instanceof Nexthop) {
        continue;
      }
      meaning.add(
          entry instanceof Route route && route.nexthopId() != 0
              ? byGateway(route, nexthops)
              : entry);
    }
    return meaning.build();
  }

  private static Route byGateway(Route route, List<Nexthop> nexthops) {
    var gateway = nexthops.stream()
        .filter(nexthop -> nexthop.id() == route.nexthopId())
        .map(Nexthop::gateway)
        .findFirst()
        .orElse(null);
    return new Route(
        route.destination(), route.linkIndex(), gateway, true, 0, route.protocol(), route.metric());
  }

  /** Returns how often something was written by the host's own process. */
  public int writes() {
    return entries.writes() + deviceWrites;
  }

  /** Returns a number that changes whenever anything changes. */
  long version() {
    return version;
  }

  ForwardingTables tables() {
    return tables;
  }

  /** The entries, as far as the kernel does not refuse. */
  private final class Tables implements ForwardingTables {
    private Tables() {
      entries.refuse(change -> refusal.applyAsInt(name(change)));
    }

    private static String name(EntryChange change) {
      return change.mode() + " " + change.entry().getClass().getSimpleName();
    }

    @Override
    public ImmutableList<EntryFailure> apply(List<EntryChange> changes) throws IOException {
      call("send");
      version++;
      var failures = entries.apply(changes);
      call("receive");
      return failures;
    }

    @Override
    public ImmutableList<ForwardingEntry.Neighbor> neighbors(int linkIndex) throws IOException {
      call("dump neighbors");
      return entries.neighbors(linkIndex);
    }

    @Override
    public ImmutableList<ForwardingEntry.Fdb> fdb(int linkIndex) throws IOException {
      call("dump fdb");
      return entries.fdb(linkIndex);
    }

    @Override
    public ImmutableList<Nexthop> nexthops(int linkIndex) throws IOException {
      call("dump nexthops");
      return entries.nexthops(linkIndex);
    }

    @Override
    public ImmutableList<Route> routes(int linkIndex, int protocol) throws IOException {
      call("dump routes");
      return entries.routes(linkIndex, protocol);
    }
  }
}
