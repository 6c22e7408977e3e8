package io.jaconet.vxlan;

import io.jaconet.linux.Link;
import io.jaconet.linux.LinkAddress;
import io.jaconet.linux.LinuxSupport;
import io.jaconet.linux.NetworkNamespace;
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
  private final VxlanLink settings;
  private final int mtu;
  private MacAddress mac;
  private int index;
  private boolean made;
  private @Nullable IpPrefix address;

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
    IpFamily family = network.family();
    var settings = new VxlanLink(
        options.vni(),
        underlay.interfaceIndex(),
        localAddress(netlink.addresses(), family, underlay),
        null,
        options.effectivePort(),
        options.learning(),
        options.gbp(),
        false);
    String name = options.deviceName(family);
    int mtu = options.overlayMtu(underlay, family);
    return new VxlanDevice(
        netlink, namespace, network, name, settings, mtu, stableMac(nodeId, name));
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
   * Sees to it that the device is there with its settings, MAC and MTU.
   *
   * @return how much had to be written
   */
  int ensure() throws IOException {
    var found = netlink.link(name).orElse(null);
    if (found == null) {
      return make();
    }
    requireVxlan(found);
    if (!settings.equals(found.vxlan())) {
      log.info(
          "{} differs from what is wanted and is made anew: {} instead of {}",
          name,
          found.vxlan(),
          settings);
      delete(netlink, found, network);
      return make();
    }
    return adopt(found);
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

  private int make() throws IOException {
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
    return 1;
  }

  private int adopt(Link found) throws IOException {
    int writes = 0;
    boolean known = index == found.index();
    index = found.index();
    var itsMac = found.mac();
    if (!known && itsMac != null && itsMac.isUnicast()) {
      mac = itsMac;
    } else if (!mac.equals(itsMac)) {
      netlink.setMac(index, mac);
      writes++;
    }
    if (found.mtu() != mtu) {
      netlink.setMtu(index, mtu);
      writes++;
    }
    return writes;
  }

  /** Keeps the device from talking and listening to neighbors by itself: no router advertisements, no link-local address. */
  private void quieten() throws IOException {
    namespace.<IOException>run(() -> {
      Path conf = Path.of("/proc/sys/net/ipv6/conf", name);
      for (String setting : new String[] {"accept_ra 0", "addr_gen_mode 1"}) {
        var words = setting.split(" ", 2);
        if (Files.isWritable(conf.resolve(words[0]))) {
          Files.writeString(conf.resolve(words[0]), words[1]);
        }
      }
    });
  }

  /**
   * Gives the device the first address of {@code subnet}, no other of the network, and brings it up.
   *
   * @return how much had to be written
   */
  int open(IpPrefix subnet) throws IOException {
    address = IpPrefix.host(subnet.base());
    int writes = 0;
    boolean there = false;
    for (LinkAddress found : netlink.addresses()) {
      if (found.linkIndex() != index
          || found.address().family() != family
          || found.address().isLinkLocal()) {
        continue;
      }
      if (found.address().equals(subnet.base()) && found.prefixLength() == family.bits()) {
        there = true;
      } else if (family == IpFamily.V6 || network.contains(found.address())) {
        netlink.removeAddress(index, found.address(), found.prefixLength());
        writes++;
      }
    }
    if (!there) {
      netlink.addAddress(index, subnet.base(), family.bits());
      writes++;
    }
    var link = link();
    if (!link.up()) {
      netlink.setUp(index);
      writes++;
      link = link();
    }
    if (!mac.equals(link.mac())) {
      throw new IOException(
          name + " has the MAC " + link.mac() + " instead of " + mac
              + ": somebody changed it, systemd's MACAddressPolicy=persistent for example; set MACAddressPolicy=none for it");
    }
    return writes;
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
    if (index != 0 && netlink.link(index).isPresent()) {
      netlink.deleteLink(index);
    }
  }

  /** Returns whether the device has been made here and never been opened. */
  boolean isUnused() {
    return made && address == null;
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
