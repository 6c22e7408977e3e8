package io.jaconet.testkit.simulation;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.linux.PeerTable;
import io.jaconet.linux.RepairBudget;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.Underlay;
import io.jaconet.spi.Backend;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The data path of a simulated host: what the kernel's VXLAN backend does, on a {@link SimulatedKernel}. The entries are brought there by the
 * {@link PeerTable} that real backends use. Confined to the simulation's thread.
 */
final class SimulatedBackend implements Backend {
  private final SimulatedKernel kernel;
  private final NetworkConfig config;
  private final ImmutableMap<IpFamily, IpAddress> addresses;
  private final RepairBudget budget;
  private final List<Half> halves = new ArrayList<>();
  private @Nullable Lease own;
  private boolean closed;

  SimulatedBackend(
      SimulatedKernel kernel,
      NetworkConfig config,
      ImmutableMap<IpFamily, IpAddress> addresses,
      RepairBudget budget) {
    this.budget = budget;
    this.kernel = kernel;
    this.config = config;
    this.addresses = addresses;
  }

  @Override
  public Preparation prepare() throws IOException {
    var data = ImmutableMap.<IpFamily, String>builder();
    var onLink = ImmutableList.<IpPrefix>builder();
    for (IpFamily family : config.families()) {
      var half = new Half(family);
      halves.add(half);
      half.adopt();
      data.put(family, VtepRecord.toJson(half.mac));
      onLink.add(new IpPrefix(address(family), family == IpFamily.V4 ? 24 : 64));
    }
    var underlay = new Underlay("eth0", 2, 1500, addresses, addresses, onLink.build());
    return new Preparation(
        underlay, LeaseAttributes.of(VtepRecord.TYPE, addresses, data.buildOrThrow()), 1450);
  }

  private IpAddress address(IpFamily family) {
    var address = addresses.get(family);
    checkState(address != null, "no %s address", family);
    return address;
  }

  @Override
  public void open(Lease lease) throws IOException {
    own = lease;
    for (Half half : halves) {
      half.open(lease);
    }
  }

  @Override
  public ImmutableSet<?> claims(Lease peer) {
    var claims = ImmutableSet.<Claim>builder();
    for (IpFamily family : config.families()) {
      VtepRecord.of(peer, family).ifPresent(vtep -> claims.add(new Claim(family, vtep.mac())));
    }
    return claims.build();
  }

  /** A device has one entry for a MAC. */
  private record Claim(IpFamily family, MacAddress mac) {}

  @Override
  public Report apply(ImmutableList<PeerChange> changes) throws IOException {
    var outcomes = new ArrayList<PeerTable.Outcome>();
    for (Half half : halves) {
      for (PeerChange change : changes) {
        half.know(change.subnets(), change.after());
      }
      outcomes.add(half.table().apply(half.edits(changes)));
    }
    return report(outcomes);
  }

  @Override
  public Report audit(ImmutableList<Lease> peers) throws IOException {
    var lease = own;
    checkState(lease != null, "not open");
    var outcomes = new ArrayList<PeerTable.Outcome>();
    for (Half half : halves) {
      half.adopt();
      half.open(lease);
      half.want(peers);
      outcomes.add(half.table().audit());
    }
    return report(outcomes);
  }

  private static Report report(List<PeerTable.Outcome> outcomes) {
    var pending = new HashMap<Subnets, String>();
    var repairs = ImmutableList.<Repair>builder();
    String trouble = null;
    int writes = 0;
    boolean retry = false;
    for (var outcome : outcomes) {
      outcome.pending().forEach(pending::putIfAbsent);
      repairs.addAll(outcome.repairs());
      trouble = trouble == null ? outcome.trouble() : trouble;
      writes += outcome.writes();
      retry |= outcome.retry();
    }
    return new Report(ImmutableMap.copyOf(pending), trouble, writes, repairs.build(), retry, false);
  }

  @Override
  public void suspend() throws IOException {
    IOException failure = null;
    for (Half half : halves) {
      try {
        half.suspend();
      } catch (IOException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public void close(CloseMode mode) throws IOException {
    closed = true;
    IOException failure = null;
    for (Half half : halves) {
      try {
        half.close(mode);
      } catch (IOException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  /** Returns the subnets that packets of this host come from and are taken for, null while there are none. */
  @Nullable
  Subnets carried() {
    var lease = own;
    return lease != null && !closed && halves.stream().anyMatch(half -> half.carries(lease))
        ? lease.subnets()
        : null;
  }

  /** Returns whether every device carries packets of {@code lease}. */
  boolean carriesAllOf(Lease lease) {
    return halves.stream().allMatch(half -> half.carries(lease));
  }

  /** The device of one family. */
  private final class Half {
    private final IpFamily family;
    private MacAddress mac;
    private final Map<Subnets, Lease> peers = new HashMap<>();
    private @Nullable PeerTable table;
    private int known;

    Half(IpFamily family) {
      this.family = family;
      this.mac = new MacAddress((family == IpFamily.V4 ? 0x0204_0000_0000L : 0x0206_0000_0000L)
          | address(family).lowBits() & 0xffff);
    }

    void adopt() throws IOException {
      var found = kernel.device(family).orElse(null);
      if (found == null) {
        found = kernel.create(family, mac);
      } else if (known != found.index && found.mac.isUnicast()) {
        mac = found.mac;
      } else if (!found.mac.equals(mac)) {
        kernel.setMac(found, mac);
      }
      known = found.index;
    }

    void open(Lease lease) throws IOException {
      var device = kernel.device(family).orElseThrow(() -> new IOException("the device is gone"));
      var address = lease.subnets().prefix(family).orElseThrow().base();
      if (!address.equals(device.address)) {
        kernel.setAddress(device, address);
      }
      if (!device.up) {
        kernel.setUp(device);
      }
      if (table == null || table.link() != device.index) {
        var network = config.networks().get(family);
        checkState(network != null, "no %s network", family);
        table = new PeerTable(
            kernel.tables(), device.index, network, family == IpFamily.V4 ? 2 : 3, budget);
        table.want(peers.values().stream()
            .map(peer -> new PeerTable.Edit(peer.subnets(), entries(peer)))
            .toList());
      }
    }

    void know(Subnets subnets, @Nullable Lease peer) {
      if (peer == null) {
        peers.remove(subnets);
      } else {
        peers.put(subnets, peer);
      }
    }

    List<PeerTable.Edit> edits(List<PeerChange> changes) {
      return changes.stream()
          .map(change -> new PeerTable.Edit(change.subnets(), entries(change.after())))
          .toList();
    }

    /** Wants just these peers from now on. */
    void want(List<Lease> all) {
      var edits = new ArrayList<PeerTable.Edit>();
      var gone = new HashSet<>(peers.keySet());
      for (Lease peer : all) {
        gone.remove(peer.subnets());
        know(peer.subnets(), peer);
        edits.add(new PeerTable.Edit(peer.subnets(), entries(peer)));
      }
      for (Subnets subnets : gone) {
        know(subnets, null);
        edits.add(new PeerTable.Edit(subnets, ImmutableList.of()));
      }
      table().want(edits);
    }

    PeerTable table() {
      var opened = table;
      checkState(opened != null, "not open");
      return opened;
    }

    ImmutableList<ForwardingEntry> entries(@Nullable Lease peer) {
      return peer == null
          ? ImmutableList.of()
          : VtepRecord.of(peer, family)
              .map(vtep -> vtep.entries(table().link()))
              .orElse(ImmutableList.of());
    }

    void suspend() throws IOException {
      if (table != null) {
        table.clear();
      }
      var device = kernel.device(family).orElse(null);
      if (device != null) {
        kernel.setDown(device);
      }
    }

    void close(CloseMode mode) throws IOException {
      var device = kernel.device(family).orElse(null);
      if (device == null) {
        return;
      }
      if (mode == CloseMode.WITHDRAW && table != null) {
        table.clear();
      }
      if (mode == CloseMode.PURGE || table == null && device.address == null) {
        kernel.delete(family);
      }
    }

    boolean carries(Lease lease) {
      return kernel
          .peek(family)
          .filter(device -> device.up
              && device.mac.equals(mac)
              && lease.subnets().prefix(family).orElseThrow().base().equals(device.address))
          .isPresent();
    }
  }
}
