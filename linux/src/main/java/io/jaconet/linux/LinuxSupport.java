package io.jaconet.linux;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Maps;
import io.jaconet.linux.KernelFacts.Answer;
import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Objects;

/**
 * Tells what a kernel and the rights of this process allow, and explains its refusals. Changes nothing on the host, except that
 * asking for a link type may make the kernel load its module.
 */
public final class LinuxSupport {
  private static final Path TUN = Path.of("/dev/net/tun");
  private static final Path IP_FORWARD = Path.of("/proc/sys/net/ipv4/ip_forward");

  private static final int VXLAN_PORT = 4789;

  private final NetworkNamespace namespace;

  /** Creates one that asks in {@code namespace}, which stays the caller's to close. */
  public LinuxSupport(NetworkNamespace namespace) {
    this.namespace = Objects.requireNonNull(namespace);
  }

  /** How much a finding matters. */
  public enum Level {
    OK,
    /** Something is limited; the finding says what. */
    WARN,
    /** A network with backend vxlan cannot work. */
    FAIL
  }

  /**
   * One thing that was looked at.
   *
   * @param subject a capability, a device, a kernel feature, or a setting
   * @param level how much it matters
   * @param finding what was found and what follows from it
   * @param remedy what to do about it, a command or a name to search for; empty if all is well
   */
  public record Finding(String subject, Level level, String finding, String remedy) {
    @Override
    public String toString() {
      return level + " " + subject + ": " + finding + (remedy.isEmpty() ? "" : ". " + remedy);
    }
  }

  /**
   * Looks at everything that a network may need, in a fixed order.
   *
   * @throws IOException if the namespace cannot be entered
   */
  public ImmutableList<Finding> findings() throws IOException {
    return namespace.call(() -> facts().findings());
  }

  /**
   * Returns why the kernel refused to make the VXLAN device {@code name} or to bring it up: what is missing or who is in the way,
   * what to do, and what works without it. The cause is {@code refusal}.
   */
  public IOException explain(
      SyscallException refusal, String name, VxlanLink wanted, List<Link> links) {
    ImmutableList<String> holders;
    try {
      holders = UdpPortHolders.processes(namespace, wanted.port());
    } catch (IOException e) {
      refusal.addSuppressed(e);
      holders = ImmutableList.of();
    }
    var text = new VxlanRefusal(name, wanted, ImmutableList.copyOf(links), holders, release())
        .explain(refusal);
    return new IOException(text, refusal);
  }

  private static KernelFacts facts() throws IOException {
    return new KernelFacts(
        release(),
        effectiveCapabilities(Files.readAllLines(Path.of("/proc/thread-self/status"))),
        vxlan(),
        nexthops(),
        Files.isWritable(IP_FORWARD),
        Maps.immutableEnumMap(forwarding()),
        tun());
  }

  private static String release() {
    return Objects.requireNonNullElse(System.getProperty("os.version"), "unknown");
  }

  static long effectiveCapabilities(List<String> status) {
    return status.stream()
        .filter(line -> line.startsWith("CapEff:"))
        .mapToLong(
            line -> Long.parseUnsignedLong(line.substring(line.indexOf(':') + 1).strip(), 16))
        .findFirst()
        .orElse(0);
  }

  /** Only creating one tells. That happens in a namespace of its own, which is thrown away. */
  private static Answer vxlan() {
    try (var scratch = NetworkNamespace.createAnonymous()) {
      return scratch.call(LinuxSupport::vxlanHere);
    } catch (IOException mayNotAsk) {
      return Files.isDirectory(Path.of("/sys/module/vxlan")) ? Answer.YES : Answer.UNKNOWN;
    }
  }

  private static Answer vxlanHere() throws IOException {
    var settings = new VxlanLink(new Vni(1), 0, null, null, VXLAN_PORT, false, false, false);
    try (var kernel = RtNetlink.open()) {
      kernel.createVxlan("probe", new MacAddress(2L << 40), 0, settings);
      return Answer.YES;
    } catch (SyscallException e) {
      if (e.errno() == Errno.EOPNOTSUPP) {
        return Answer.NO;
      }
      throw e;
    }
  }

  private static Answer nexthops() throws IOException {
    try (var kernel = RtNetlink.open()) {
      kernel.nexthops(0);
      return Answer.YES;
    } catch (SyscallException e) {
      if (e.errno() == Errno.EOPNOTSUPP) {
        return Answer.NO;
      }
      throw e;
    }
  }

  private static EnumMap<IpFamily, Boolean> forwarding() throws IOException {
    var forwarding = new EnumMap<IpFamily, Boolean>(IpFamily.class);
    for (var family : IpFamily.values()) {
      var file =
          family == IpFamily.V4 ? IP_FORWARD : Path.of("/proc/sys/net/ipv6/conf/all/forwarding");
      if (Files.exists(file)) {
        forwarding.put(family, !Files.readString(file, US_ASCII).strip().equals("0"));
      }
    }
    return forwarding;
  }

  private static Answer tun() {
    if (!Files.exists(TUN)) {
      return Answer.UNKNOWN;
    }
    return Files.isReadable(TUN) && Files.isWritable(TUN) ? Answer.YES : Answer.NO;
  }
}
