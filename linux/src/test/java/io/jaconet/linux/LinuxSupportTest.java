package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.KernelFacts.Answer;
import io.jaconet.linux.LinuxSupport.Finding;
import io.jaconet.linux.LinuxSupport.Level;
import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.net.DatagramSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Scenarios T24, T26 and T27. */
class LinuxSupportTest {
  private static final long ALL = -1;
  private static final long NO_NET_ADMIN = ~(1L << 12);
  private static final MacAddress MAC = MacAddress.parse("02:00:00:00:00:01");
  private static final ImmutableMap<IpFamily, Boolean> FORWARDS =
      ImmutableMap.of(IpFamily.V4, true, IpFamily.V6, true);
  private static final KernelFacts ALL_WELL =
      new KernelFacts("6.1.0-test", ALL, Answer.YES, Answer.YES, true, FORWARDS, Answer.YES);

  private static VxlanLink vxlan(int vni, int port, boolean gbp) {
    return new VxlanLink(new Vni(vni), 0, null, null, port, false, gbp, false);
  }

  private static List<String> bad(KernelFacts facts) {
    return facts.findings().stream()
        .filter(f -> f.level() != Level.OK)
        .map(Finding::toString)
        .toList();
  }

  private static void assertMentions(String text, String... parts) {
    for (var part : parts) {
      assertTrue(text.contains(part), () -> "'" + part + "' is missing in: " + text);
    }
  }

  @Test
  void aFittingKernelHasNothingToSay() {
    assertEquals(List.of(), bad(ALL_WELL));
  }

  @Test
  void eachThingThatIsMissingIsNamedWithItsRemedy() {
    var facts = new KernelFacts(
        "6.1.0-test",
        NO_NET_ADMIN,
        Answer.NO,
        Answer.NO,
        false,
        ImmutableMap.of(IpFamily.V4, false),
        Answer.UNKNOWN);

    var findings = bad(facts);

    assertEquals(7, findings.size());
    assertMentions(
        findings.get(0), "FAIL CAP_NET_ADMIN", "leases can still be held", "unshare -Urnm");
    assertMentions(
        findings.get(1),
        "FAIL link type vxlan",
        "still usable",
        "CONFIG_VXLAN",
        "modprobe vxlan",
        "6.1.0-test");
    assertMentions(findings.get(2), "WARN nexthop objects", "kernel 5.3");
    assertMentions(findings.get(3), "WARN /proc/sys/net", "read-only");
    assertMentions(findings.get(4), "WARN net.ipv4.ip_forward", "sysctl -w net.ipv4.ip_forward=1");
    assertMentions(findings.get(5), "WARN net.ipv6.conf.all.forwarding", "without IPv6");
    assertMentions(findings.get(6), "WARN /dev/net/tun", "modprobe tun");
  }

  @Test
  void capabilitiesAreReadFromTheStatusFile() {
    assertEquals(
        0x1fffeffefffL,
        LinuxSupport.effectiveCapabilities(List.of("Name:\tx", "CapEff:\t000001fffeffefff")));
    assertEquals(0, LinuxSupport.effectiveCapabilities(List.of()));
  }

  @Test
  void aKernelWithoutVxlanIsToldWhatItLacksAndWhatStillWorks() {
    var refusal =
        new SyscallException("newlink(flannel.1)", Errno.EOPNOTSUPP, "Unknown device type");

    var text = new VxlanRefusal(
            "flannel.1",
            vxlan(1, 8472, false),
            ImmutableList.of(),
            ImmutableList.of(),
            "6.1.0-test")
        .explain(refusal);

    assertMentions(text, "backend vxlan needs CONFIG_VXLAN", "modprobe vxlan", "still usable");
  }

  @Test
  void aMissingRightIsNamed() {
    var text = new VxlanRefusal(
            "flannel.1",
            vxlan(1, 8472, false),
            ImmutableList.of(),
            ImmutableList.of(),
            "6.1.0-test")
        .explain(new SyscallException("newlink(flannel.1)", Errno.EPERM));

    assertMentions(text, "flannel.1", "CAP_NET_ADMIN", "unshare -Urnm");
  }

  @Test
  void anotherRefusalKeepsTheKernelsWords() {
    var text = new VxlanRefusal(
            "flannel.1",
            vxlan(1, 8472, false),
            ImmutableList.of(),
            ImmutableList.of(),
            "6.1.0-test")
        .explain(new SyscallException("newlink(flannel.1)", Errno.EINVAL, "Invalid MTU"));

    assertMentions(text, "flannel.1", "EINVAL", "Invalid MTU");
  }

  @Test
  void socketsOnAPortAreFoundWhateverTheirAddress() {
    var lines = List.of(
        "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
        "13919: 00000000:2118 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 47267 2 00000000b6f8e78c 0",
        "13920: 0100007F:2118 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 47268 2 00000000b6f8e78c 0",
        "13921: 00002118:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 47269 2 00000000b6f8e78c 0",
        "torn 00000000:2118");

    assertEquals(
        ImmutableList.of("47267", "47268"), UdpPortHolders.inodes(lines, 8472).asList());
  }

  @Test
  @ExtendWith(FreshNetworkNamespace.class)
  void findingsMatchTheNamespaceTheyAreAskedFor() throws Exception {
    try (var namespace = NetworkNamespace.createAnonymous()) {
      namespace.run(() -> Files.writeString(Path.of("/proc/sys/net/ipv4/ip_forward"), "0"));
      var before = levels(namespace);
      namespace.run(() -> Files.writeString(Path.of("/proc/sys/net/ipv4/ip_forward"), "1"));

      assertEquals(Level.WARN, before.get("net.ipv4.ip_forward"));
      assertEquals(Level.OK, levels(namespace).get("net.ipv4.ip_forward"));
      assertEquals(Level.OK, before.get("CAP_NET_ADMIN"));
      assertEquals(Level.OK, before.get("link type vxlan"));
      assertEquals(List.of("lo"), namespace.call(LinuxSupportTest::linkNames));
    }
  }

  private static ImmutableMap<String, Level> levels(NetworkNamespace namespace) throws Exception {
    return ImmutableMap.copyOf(new LinuxSupport(namespace)
        .findings().stream().collect(Collectors.toMap(Finding::subject, Finding::level)));
  }

  private static List<String> linkNames() throws Exception {
    try (var kernel = RtNetlink.open()) {
      return kernel.links().stream().map(Link::name).toList();
    }
  }

  @Test
  @ExtendWith(FreshNetworkNamespace.class)
  void aTakenVniNamesTheDeviceThatHasIt() throws Exception {
    try (var namespace = NetworkNamespace.createAnonymous();
        var kernel = namespace.call(RtNetlink::open)) {
      kernel.createVxlan("cilium_vxlan", MAC, 0, vxlan(7, 8472, false));
      var wanted = vxlan(7, 8472, false);
      var refusal = assertThrows(
          SyscallException.class, () -> kernel.createVxlan("flannel.7", MAC, 0, wanted));

      var e = new LinuxSupport(namespace).explain(refusal, "flannel.7", wanted, kernel.links());

      assertMentions(
          String.valueOf(e.getMessage()), "VNI 7", "8472", "cilium_vxlan", "choose another VNI");
      assertSame(refusal, e.getCause());
    }
  }

  @Test
  @ExtendWith(FreshNetworkNamespace.class)
  void aTakenNameSaysWhatTheForeignLinkIs() throws Exception {
    try (var namespace = NetworkNamespace.createAnonymous();
        var kernel = namespace.call(RtNetlink::open)) {
      kernel.createBridge("flannel.7");
      var wanted = vxlan(7, 8472, false);
      var refusal = assertThrows(
          SyscallException.class, () -> kernel.createVxlan("flannel.7", MAC, 0, wanted));

      var e = new LinuxSupport(namespace).explain(refusal, "flannel.7", wanted, kernel.links());

      assertMentions(
          String.valueOf(e.getMessage()), "flannel.7", "a bridge", "nothing was changed");
      assertEquals("bridge", kernel.link("flannel.7").orElseThrow().kind());
    }
  }

  @Test
  @ExtendWith(FreshNetworkNamespace.class)
  void aPortHeldByADeviceOfOtherOptionsNamesIt() throws Exception {
    try (var namespace = NetworkNamespace.createAnonymous();
        var kernel = namespace.call(RtNetlink::open)) {
      kernel.setUp(kernel.createVxlan("calico", MAC, 0, vxlan(7, 8472, false)).index());
      var wanted = vxlan(8, 8472, true);
      var device = kernel.createVxlan("flannel.8", MAC, 0, wanted);
      var refusal = assertThrows(SyscallException.class, () -> kernel.setUp(device.index()));

      var e = new LinuxSupport(namespace).explain(refusal, "flannel.8", wanted, kernel.links());

      assertMentions(
          String.valueOf(e.getMessage()),
          "UDP port 8472",
          "calico (vxlan, VNI 7",
          "choose another Port",
          "GBP");
    }
  }

  @Test
  @ExtendWith(FreshNetworkNamespace.class)
  void aPortHeldByAProcessNamesIt() throws Exception {
    try (var namespace = NetworkNamespace.createAnonymous();
        var kernel = namespace.call(RtNetlink::open);
        var holder = namespace.call(() -> new DatagramSocket(8472))) {
      var wanted = vxlan(8, holder.getLocalPort(), false);
      var device = kernel.createVxlan("flannel.8", MAC, 0, wanted);
      var refusal = assertThrows(SyscallException.class, () -> kernel.setUp(device.index()));

      var e = new LinuxSupport(namespace).explain(refusal, "flannel.8", wanted, kernel.links());

      assertMentions(
          String.valueOf(e.getMessage()),
          "UDP port 8472",
          "(pid " + ProcessHandle.current().pid() + ")");
    }
  }
}
