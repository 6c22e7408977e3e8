package io.jaconet.vxlan;

import io.jaconet.linux.Link;
import io.jaconet.linux.LinkAddress;
import io.jaconet.linux.LinuxSupport;
import io.jaconet.linux.Mending;
import io.jaconet.linux.NetlinkEvent;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.OwnAddress;
import io.jaconet.linux.PeerTable;
import io.jaconet.linux.RtNetlink;
import io.jaconet.linux.SyscallException;
import io.jaconet.linux.VxlanLink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.Underlay;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The VXLAN device of one family: {@code flannel.<VNI>}, made as flanneld makes it, and taken over from a flanneld or an earlier run where it
 * already is as it should be.
 *
 * <p>Confined to the network's event loop.
 */
final class VxlanDevice {
  private static final Logger log = LoggerFactory.getLogger(VxlanDevice.class);

  private final RtNetlink netlink;
  private final NetworkNamespace namespace;
  private final IpPrefix network;
  private final IpFamily family;
  private final String name;
  private VxlanLink settings;
  private int mtu;
  private MacAddress mac;
  private volatile int index;
  private boolean made;
  private @Nullable OwnAddress address;

  private VxlanDevice(
      RtNetlink netlink,
      NetworkNamespace namespace,
      IpPrefix network,
      String name,
      VxlanLink settings,
      int mtu,
      MacAddress mac) {
    this.netlink = netlink;
    this.namespace = namespace;
    this.network = network;
    this.family = network.family();
    this.name = name;
    this.settings = settings;
    this.mtu = mtu;
    this.mac = mac;
  }

  /**
   * Describes the device for {@code network}; {@link #ensure} makes it.
   *
   * @throws IllegalArgumentException if the underlay's MTU leaves too little for a packet of the family, or the option exceeds it
   * @throws IOException if the kernel cannot be asked
   */
  static VxlanDevice of(
      RtNetlink netlink,
      NetworkNamespace namespace,
      IpPrefix network,
      VxlanOptions options,
      Underlay underlay,
      String nodeId)
      throws IOException {
    String name = options.deviceName(network.family());
    return new VxlanDevice(
        netlink,
        namespace,
        network,
        name,
        settings(netlink, network.family(), options, underlay),
        options.overlayMtu(underlay, network.family()),
        stableMac(nodeId, name));
  }

  private static VxlanLink settings(
      RtNetlink netlink, IpFamily family, VxlanOptions options, Underlay underlay)
      throws IOException {
    return new VxlanLink(
        options.vni(),
        underlay.interfaceIndex(),
        localAddress(netlink.addresses(), family, underlay),
        null,
        options.effectivePort(),
        options.learning(),
        options.gbp(),
        false);
  }

  /**
   * Describes the device on another underlay; {@link #ensure} changes it.
   *
   * @throws IllegalArgumentException if the underlay's MTU leaves too little for a packet of the family, or the option exceeds it
   * @throws IOException if the kernel cannot be asked
   */
  void follow(VxlanOptions options, Underlay underlay) throws IOException {
    int follows = options.overlayMtu(underlay, family);
    settings = settings(netlink, family, options, underlay);
    mtu = follows;
  }

  /**
   * Returns the outer source address: the public IP if this host has it. Behind a NAT it does not, and the kernel would drop every packet
   * whose source is not local.
   */
  static @Nullable IpAddress localAddress(
      List<LinkAddress> held, IpFamily family, Underlay underlay) {
    var published = underlay.publicIps().get(family);
    boolean local = held.stream().anyMatch(a -> a.address().equals(published));
    return local ? published : underlay.addresses().get(family);
  }

  /** Returns a MAC that follows from the node and the device, so that it is the same whenever the device is made. */
  static MacAddress stableMac(String nodeId, String deviceName) {
    var seed = "io.jaconet vtep\n" + nodeId + "\n" + deviceName;
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(seed.getBytes(StandardCharsets.UTF_8));
      return MacAddress.fromBytes(hash).locallyAdministered();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /**
   * Sees to it that the device is there with its name, settings, MAC and MTU.
   *
   * @return whether the kernel has forgotten what was said of peers
   */
  boolean ensure(Mending mending) throws IOException {
    var found = netlink.link(name).orElse(null);
    if (found == null && index != 0) {
      found = renamed(mending);
    }
    if (found == null) {
      return mending.mend(object(), "vxlan id " + settings.vni(), "", this::make);
    }
    requireVxlan(found);
    if (!settings.equals(found.vxlan()) && !change(found, mending)) {
      return remake(found, mending);
    }
    return adopt(found, mending);
  }

  private String object() {
    return "link " + name;
  }

  private @Nullable Link renamed(Mending mending) throws IOException {
    var found = netlink.link(index);
    if (found.isEmpty() || found.get().vxlan() == null) {
      return null;
    }
    mending.mend("name of " + name, name, found.get().name(), () -> netlink.rename(index, name));
    return found.get();
  }

  /** Changes what can be changed of a device while packets flow; returns false if that is not enough. */
  private boolean change(Link found, Mending mending) throws IOException {
    boolean changed = mending.mend(
        "settings of " + name, String.valueOf(settings), String.valueOf(found.vxlan()), () -> {
          try {
            netlink.changeVxlan(found.index(), settings);
          } catch (SyscallException cannotBeChanged) {
            log.debug("{}", name, cannotBeChanged);
          }
        });
    return !changed
        || netlink
            .link(found.index())
            .filter(now -> settings.equals(now.vxlan()))
            .isPresent();
  }

  private boolean remake(Link found, Mending mending) throws IOException {
    log.info(
        "{} differs from what is wanted and is made anew: {} instead of {}",
        name,
        found.vxlan(),
        settings);
    delete(netlink, found, network);
    make();
    mending.addWrites(1);
    return true;
  }

  /**
   * Sees to it that a link with our name is one that we may make anew.
   *
   * @throws IOException if it is of another kind
   */
  static void requireVxlan(Link found) throws IOException {
    if (found.vxlan() == null) {
      throw new IOException("there is a link " + found.name() + " of kind " + found.kind()
          + " already, which is not ours; rename or remove it, or choose another Backend.VNI");
    }
  }

  /** Removes a device with what leads to it. */
  static void delete(RtNetlink netlink, Link device, IpPrefix network) throws IOException {
    // The kernel takes the square of the number of peers to delete a link with routes by nexthop.
    new PeerTable(netlink, device.index(), network, 0).clear();
    netlink.deleteLink(device.index());
  }

  private void make() throws IOException {
    try {
      netlink.createVxlan(name, mac, mtu, settings);
    } catch (SyscallException e) {
      throw new LinuxSupport(namespace).explain(e, name, settings, netlink.links());
    }
    made = true;
    var link = netlink
        .link(name)
        .orElseThrow(() -> new IOException(name + " vanished right after it was made"));
    index = link.index();
    quieten();
    log.info("made {} with {} and MTU {}", name, mac, link.mtu());
  }

  private boolean adopt(Link found, Mending mending) throws IOException {
    boolean known = index == found.index();
    index = found.index();
    if (!known) {
      // Whoever made it may have been killed before it came to that.
      quieten();
    }
    var itsMac = found.mac();
    boolean reset = false;
    if (!known && address == null && itsMac != null && itsMac.isUnicast()) {
      mac = itsMac;
    } else if (!mac.equals(itsMac)) {
      // Neighbors are forgotten whenever the device's own address changes.
      reset = mending.mend(
          "MAC of " + name,
          mac.toString(),
          String.valueOf(itsMac),
          () -> netlink.setMac(index, mac));
    }
    if (found.mtu() != mtu) {
      mending.mend(
          "MTU of " + name,
          Integer.toString(mtu),
          Integer.toString(found.mtu()),
          () -> netlink.setMtu(index, mtu));
    }
    return reset;
  }

  /** Keeps the device from talking and listening to neighbors by itself: no router advertisements, no link-local address. */
  private void quieten() throws IOException {
    namespace.<IOException>run(() -> {
      Path conf = Path.of("/proc/sys/net/ipv6/conf", name);
      for (String setting : new String[] {"accept_ra 0", "addr_gen_mode 1"}) {
        var words = setting.split(" ", 2);
        var file = conf.resolve(words[0]);
        if (Files.isWritable(file) && !Files.readString(file).strip().equals(words[1])) {
          Files.writeString(file, words[1]);
        }
      }
    });
  }

  /**
   * Gives the device the first address of {@code subnet}, no other of the network, and brings it up.
   *
   * @return whether the kernel has forgotten what was said of peers
   */
  boolean open(IpPrefix subnet, Mending mending) throws IOException {
    address = family == IpFamily.V6
        ? OwnAddress.alone(subnet.base())
        : OwnAddress.in(network, subnet.base());
    boolean reset = address.ensure(netlink, index, name, mending);
    if (!link().up()) {
      reset |= mending.mend("state of " + name, "up", "down", () -> netlink.setUp(index));
    }
    requireMac();
    return reset;
  }

  private void requireMac() throws IOException {
    var found = link().mac();
    if (!mac.equals(found)) {
      throw new IOException(
          name + " has the MAC " + found + " instead of " + mac
              + ": somebody changed it, systemd's MACAddressPolicy=persistent for example; set MACAddressPolicy=none for it");
    }
  }

  /** Returns whether {@code event} is of the device or its name. For any thread. */
  boolean concerns(NetlinkEvent event) {
    return event instanceof NetlinkEvent.LinkChanged link
            && (link.link().index() == index || link.link().name().equals(name))
        || event instanceof NetlinkEvent.AddressChanged address
            && address.address().linkIndex() == index;
  }

  /** Returns whether the device, up and with its address, is what {@code event} tells; true also if that is of something else. */
  boolean isAsWanted(NetlinkEvent event) {
    if (event instanceof NetlinkEvent.LinkChanged change) {
      var link = change.link();
      return link.index() != index && !link.name().equals(name)
          || !change.removed()
              && link.index() == index
              && link.name().equals(name)
              && link.up()
              && link.mtu() == mtu
              && mac.equals(link.mac())
              && settings.equals(link.vxlan());
    }
    if (event instanceof NetlinkEvent.AddressChanged change
        && change.address().linkIndex() == index) {
      return address == null || address.isAsWanted(change);
    }
    return true;
  }

  /** Returns whether {@code event} tells that the kernel dropped what leads through the device: it went down, or lost the address it needs. */
  boolean isReset(NetlinkEvent event) {
    if (event instanceof NetlinkEvent.LinkChanged change) {
      return change.link().index() == index
          && (change.removed() || !change.link().up());
    }
    return event instanceof NetlinkEvent.AddressChanged change
        && change.removed()
        && change.address().linkIndex() == index
        && address != null
        && !address.isAsWanted(change);
  }

  private Link link() throws IOException {
    return netlink.link(index).orElseThrow(() -> new IOException(name + " is gone"));
  }

  /** Brings the device down, with which the kernel forgets the routes and neighbors on it. */
  void down() throws IOException {
    netlink.setDown(index);
  }

  /** Removes the device, if it was made or taken over and is still there. */
  void delete() throws IOException {
    if (exists()) {
      netlink.deleteLink(index);
    }
  }

  /** Returns whether the device has been made here and never been opened. */
  boolean isUnused() {
    return made && address == null;
  }

  String name() {
    return name;
  }

  boolean exists() throws IOException {
    return index != 0 && netlink.link(index).isPresent();
  }

  int index() {
    return index;
  }

  MacAddress mac() {
    return mac;
  }

  /** Returns the MTU that the kernel really gave the device, in bytes. */
  int actualMtu() throws IOException {
    return link().mtu();
  }

  IpFamily family() {
    return family;
  }

  IpPrefix network() {
    return network;
  }
}
