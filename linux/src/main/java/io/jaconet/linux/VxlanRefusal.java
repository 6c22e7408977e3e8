package io.jaconet.linux;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Why the kernel did not make a VXLAN device or did not bring it up, in terms of what a person can change.
 *
 * @param device the name that the device was to have
 * @param wanted its settings
 * @param links the links of the namespace
 * @param portHolders the processes that have the UDP port
 * @param release the kernel's release, as in {@code uname -r}
 */
record VxlanRefusal(
    String device,
    VxlanLink wanted,
    ImmutableList<Link> links,
    ImmutableList<String> portHolders,
    String release) {
  static final String WITHOUT_VXLAN =
      "still usable without it: direct routes between hosts on one link, the same frames from user space over /dev/net/tun"
          + " (Backend.DataPath: \"user\")";

  /** Returns the sentence for {@code refusal}. */
  String explain(SyscallException refusal) {
    return switch (refusal.errno()) {
      case Errno.EOPNOTSUPP ->
        "this kernel has no link type vxlan: backend vxlan needs " + remedy(release) + "; "
            + WITHOUT_VXLAN;
      case Errno.EPERM ->
        "creating " + device + " needs CAP_NET_ADMIN in the user namespace that owns the network"
            + " namespace: " + KernelFacts.NET_ADMIN_REMEDY
            + "; leases can still be held and watched without it";
      case Errno.EEXIST -> exists();
      case Errno.EADDRINUSE -> portInUse();
      default -> "the kernel refused " + describe(device, wanted) + ": " + refusal.getMessage();
    };
  }

  static String remedy(String release) {
    return "CONFIG_VXLAN or the module vxlan (`modprobe vxlan`; on Ubuntu it may be in package linux-modules-extra-"
        + release + ", in a container it must be loaded on the host)";
  }

  private String exists() {
    var sameName = find(link -> link.name().equals(device));
    if (!sameName.isEmpty()) {
      return "a link named " + device + " exists already: " + describe(sameName.get(0))
          + "; remove it or choose another VNI, nothing was changed on it";
    }
    var sameVni = find(link -> link.vxlan() != null
        && link.vxlan().vni().equals(wanted.vni())
        && link.vxlan().port() == wanted.port());
    return "VNI " + wanted.vni() + " on UDP port " + wanted.port() + " is taken"
        + (sameVni.isEmpty() ? "" : " by " + describe(sameVni.get(0)))
        + "; choose another VNI or Port for the network on all hosts, or remove that device";
  }

  private String portInUse() {
    var devices = find(link -> link.vxlan() != null
        && link.vxlan().port() == wanted.port()
        && !link.name().equals(device));
    var holders = ImmutableList.<String>builder()
        .addAll(portHolders)
        .addAll(devices.stream().map(VxlanRefusal::describe).toList())
        .build();
    return "UDP port " + wanted.port() + " is in use"
        + (holders.isEmpty() ? "" : " by " + String.join(" and ", holders))
        + "; choose another Port for the network on all hosts, or stop the other user"
        + (devices.isEmpty()
            ? ""
            : " (VXLAN devices share a port only if their options, such as GBP, are the same)");
  }

  private List<Link> find(java.util.function.Predicate<Link> property) {
    return links.stream().filter(property).collect(toImmutableList());
  }

  private static String describe(Link link) {
    return describe(link.name(), link.vxlan())
        + (link.vxlan() == null && link.kind() != null ? ", a " + link.kind() : "");
  }

  private static String describe(String name, @Nullable VxlanLink vxlan) {
    return vxlan == null
        ? name
        : name + " (vxlan, VNI " + vxlan.vni() + ", port " + vxlan.port()
            + (vxlan.gbp() ? ", GBP" : "") + ")";
  }
}
