package io.jaconet.vxlan;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.net.Vni;
import io.jaconet.overlay.BackendOptions;
import io.jaconet.overlay.Encapsulation;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Underlay;
import io.jaconet.udp.backend.TunnelOptions;

/**
 * flannel's options of the vxlan backend, with its names and defaults, and where packets get their frames.
 *
 * @param vni {@code VNI}, default 1
 * @param port {@code Port}, the UDP port, default 0: the kernel's, which is 8472
 * @param mtu {@code MTU}, the underlay's MTU in bytes, default 0: that of the underlay interface
 * @param gbp {@code GBP}, the group policy extension, default false
 * @param learning {@code Learning}, whether the device learns from the frames it receives, default false
 * @param directRouting {@code DirectRouting}, whether peers on the same link are reached without encapsulation, default false
 * @param dataPath {@code DataPath}, default kernel
 */
record VxlanOptions(
    Vni vni,
    int port,
    int mtu,
    boolean gbp,
    boolean learning,
    boolean directRouting,
    DataPathKind dataPath) {
  /** The kernel's default destination port for VXLAN, drivers/net/vxlan: from before the IANA assignment of 4789. */
  private static final int KERNEL_DEFAULT_PORT = 8472;

  private static final int MAX_MTU = 65_535;

  /** Who makes frames of packets. */
  enum DataPathKind {
    KERNEL,
    USER
  }

  static VxlanOptions of(NetworkConfig config) {
    BackendOptions options = config.backendOptions();
    var known = ImmutableList.<String>builder()
        .add("VNI", "Port", "MTU", "GBP", "Learning", "DirectRouting", "DataPath")
        .add("MacPrefix", "Name");
    var dataPath = dataPath(options.text("DataPath", "kernel"));
    if (dataPath == DataPathKind.USER) {
      known.addAll(TunnelOptions.NAMES);
    }
    options.warnOfUnknown(known.build().toArray(String[]::new));
    return new VxlanOptions(
        new Vni(options.integer("VNI", 1, 0, (1 << 24) - 1)),
        options.integer("Port", 0, 0, 65_535),
        options.integer("MTU", 0, 0, MAX_MTU),
        options.bool("GBP", false),
        options.bool("Learning", false),
        options.bool("DirectRouting", false),
        dataPath);
  }

  private static DataPathKind dataPath(String text) {
    for (DataPathKind kind : DataPathKind.values()) {
      if (Ascii.toLowerCase(kind.name()).equals(text)) {
        return kind;
      }
    }
    throw new IllegalArgumentException("Backend.DataPath: \"" + text
        + "\" makes no frames; allowed is kernel or user, for example \"user\"");
  }

  /**
   * Returns the largest packet of the overlay in bytes on an underlay of {@code family}.
   *
   * @throws IllegalArgumentException if the underlay's MTU leaves too little for a packet of the family, or the option exceeds it
   */
  int overlayMtu(Underlay underlay, IpFamily family) {
    int base = mtu == 0 ? underlay.mtu() : mtu;
    int least = Encapsulation.minimumMtu(family) + Encapsulation.VXLAN.overheadBytes(family);
    checkArgument(
        base >= least && base <= underlay.mtu(),
        "Backend.MTU: %s is not an underlay MTU for %s packets in VXLAN on %s, whose own is %s; allowed is %s or more, and no more than"
            + " the interface's, for example 1500",
        base,
        family,
        underlay.interfaceName(),
        underlay.mtu(),
        least);
    return Encapsulation.VXLAN.overlayMtu(base, family);
  }

  /** Returns the name of the device, the same as flannel's: {@code flannel.1}, {@code flannel-v6.1}. */
  String deviceName(IpFamily family) {
    return (family == IpFamily.V4 ? "flannel." : "flannel-v6.") + vni;
  }

  /** Returns the UDP port that the device will use, and every peer's. */
  int effectivePort() {
    return port == 0 ? KERNEL_DEFAULT_PORT : port;
  }
}
