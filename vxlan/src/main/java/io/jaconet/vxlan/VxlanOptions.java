package io.jaconet.vxlan;

import io.jaconet.net.IpFamily;
import io.jaconet.net.Vni;
import io.jaconet.overlay.BackendOptions;
import io.jaconet.overlay.NetworkConfig;

/**
 * flannel's options of the vxlan backend, with its names and defaults.
 *
 * @param vni {@code VNI}, default 1
 * @param port {@code Port}, the UDP port, default 0: the kernel's, which is 8472
 * @param mtu {@code MTU}, the underlay's MTU in bytes, default 0: that of the underlay interface
 * @param gbp {@code GBP}, the group policy extension, default false
 * @param learning {@code Learning}, whether the device learns from the frames it receives, default false
 * @param directRouting {@code DirectRouting}, whether peers on the same link are reached without encapsulation, default false
 */
record VxlanOptions(
    Vni vni, int port, int mtu, boolean gbp, boolean learning, boolean directRouting) {
  /** The kernel's default destination port for VXLAN, drivers/net/vxlan: from before the IANA assignment of 4789. */
  private static final int KERNEL_DEFAULT_PORT = 8472;

  private static final int MAX_MTU = 65_535;

  static VxlanOptions of(NetworkConfig config) {
    BackendOptions options = config.backendOptions();
    options.warnOfUnknown(
        "VNI", "Port", "MTU", "GBP", "Learning", "DirectRouting", "MacPrefix", "Name");
    return new VxlanOptions(
        new Vni(options.integer("VNI", 1, 0, (1 << 24) - 1)),
        options.integer("Port", 0, 0, 65_535),
        options.integer("MTU", 0, 0, MAX_MTU),
        options.bool("GBP", false),
        options.bool("Learning", false),
        options.bool("DirectRouting", false));
  }

  /** Returns the name of the device, the same as flannel's: {@code flannel.1}, {@code flannel-v6.1}. */
  String deviceName(IpFamily family) {
    return (family == IpFamily.V4 ? "flannel." : "flannel-v6.") + vni;
  }

  /** Returns the UDP port that the kernel will use. */
  int effectivePort() {
    return port == 0 ? KERNEL_DEFAULT_PORT : port;
  }
}
