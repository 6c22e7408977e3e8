package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.LinuxSupport.Finding;
import io.jaconet.linux.LinuxSupport.Level;
import io.jaconet.net.IpFamily;

/**
 * What was found out about a kernel and the rights in it.
 *
 * @param release the kernel's release, as in {@code uname -r}
 * @param capabilities the effective capabilities, one bit each
 * @param vxlan whether there is a link type vxlan
 * @param nexthops whether there are nexthop objects
 * @param sysctlsWritable whether {@code /proc/sys/net} can be written
 * @param forwarding per family whether the kernel forwards packets; absent if it lacks the family
 * @param tun whether {@code /dev/net/tun} can be opened; unknown if it is not there
 */
record KernelFacts(
    String release,
    long capabilities,
    Answer vxlan,
    Answer nexthops,
    boolean sysctlsWritable,
    ImmutableMap<IpFamily, Boolean> forwarding,
    Answer tun) {
  static final String NET_ADMIN_REMEDY =
      "run as root, or give CAP_NET_ADMIN (systemd: AmbientCapabilities=, containers: cap-add NET_ADMIN), or run inside"
          + " `unshare -Urnm`";
  private static final int CAP_NET_ADMIN = 12;
  private static final int CAP_SYS_ADMIN = 21;

  /** What a probe answers. */
  enum Answer {
    YES,
    NO,
    /** It could not be asked. */
    UNKNOWN
  }

  ImmutableList<Finding> findings() {
    var findings = ImmutableList.<Finding>builder();
    findings.add(netAdmin(), sysAdmin(), vxlanType(), nexthopObjects(), sysctls());
    for (var family : IpFamily.values()) {
      findings.add(forwarding(family));
    }
    return findings.add(tunDevice()).build();
  }

  private boolean has(int capability) {
    return (capabilities >>> capability & 1) == 1;
  }

  private Finding netAdmin() {
    return has(CAP_NET_ADMIN)
        ? ok("CAP_NET_ADMIN", "devices, addresses and routes may be changed")
        : new Finding(
            "CAP_NET_ADMIN",
            Level.FAIL,
            "missing: no device, address or route can be changed; leases can still be held and watched",
            NET_ADMIN_REMEDY);
  }

  private Finding sysAdmin() {
    return has(CAP_SYS_ADMIN)
        ? ok("CAP_SYS_ADMIN", "network namespaces may be made and entered")
        : new Finding(
            "CAP_SYS_ADMIN",
            Level.WARN,
            "missing: only the process's own network namespace can be used",
            "not needed for one network in the own namespace; otherwise run as root or inside `unshare -Urnm`");
  }

  private Finding vxlanType() {
    return switch (vxlan) {
      case YES -> ok("link type vxlan", "available");
      case NO ->
        new Finding(
            "link type vxlan",
            Level.FAIL,
            "missing: backend vxlan cannot work; " + VxlanRefusal.WITHOUT_VXLAN,
            VxlanRefusal.remedy(release));
      case UNKNOWN ->
        new Finding(
            "link type vxlan",
            Level.WARN,
            "not known: asking needs the right to make a network namespace, and the module is not loaded",
            "`modprobe vxlan`, or ask again as root");
    };
  }

  private Finding nexthopObjects() {
    return nexthops == Answer.YES
        ? ok("nexthop objects", "available")
        : new Finding(
            "nexthop objects",
            Level.WARN,
            "missing: routes carry their gateways, which is slow with thousands of peers",
            "use kernel 5.3 or later, this is " + release);
  }

  private Finding sysctls() {
    return sysctlsWritable
        ? ok("/proc/sys/net", "writable")
        : new Finding(
            "/proc/sys/net",
            Level.WARN,
            "read-only: forwarding must be switched on from outside",
            "mount it writable, or set the values on the host or in the container's options (sysctls)");
  }

  private Finding forwarding(IpFamily family) {
    var key = family == IpFamily.V4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
    var on = forwarding.get(family);
    if (on == null) {
      return new Finding(
          key,
          Level.WARN,
          "absent: this kernel runs without " + family,
          "needed only for " + family + " networks");
    }
    return on
        ? ok(key, "1")
        : new Finding(
            key,
            Level.WARN,
            "0: this host drops " + family + " packets between workloads and peers",
            "`sysctl -w " + key + "=1`");
  }

  private Finding tunDevice() {
    return switch (tun) {
      case YES -> ok("/dev/net/tun", "usable");
      case NO ->
        new Finding(
            "/dev/net/tun",
            Level.WARN,
            "may not be opened: no user-space encapsulation; backend vxlan does not need it",
            "give read and write rights to it");
      case UNKNOWN ->
        new Finding(
            "/dev/net/tun",
            Level.WARN,
            "absent: no user-space encapsulation; backend vxlan does not need it",
            "`modprobe tun` (CONFIG_TUN); in a container, pass the device /dev/net/tun");
    };
  }

  private static Finding ok(String subject, String finding) {
    return new Finding(subject, Level.OK, finding, "");
  }
}
