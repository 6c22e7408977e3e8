package io.jaconet.flanneld;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class FlagsTest {
  private static final Path CONFIG = Path.of("/etc/kube-flannel/net-conf.json");

  private static Options options(Map<String, String> environment, String... words) {
    return Options.of(FlagValues.parse(Arrays.asList(words), environment), environment, "host-a");
  }

  private static Options options(String... words) {
    return options(Map.of(), words);
  }

  private static String refusal(Map<String, String> environment, String... words) {
    return String.valueOf(
        assertThrows(IllegalArgumentException.class, () -> options(environment, words))
            .getMessage());
  }

  private static LeaseSource.Etcd etcd(Options options) {
    return (LeaseSource.Etcd) options.leases();
  }

  private static Arguments row(
      String flag, String value, Function<Options, Object> part, Object expected) {
    return Arguments.of(flag, value, part, expected);
  }

  /** Every flag that something can be made of, with a value that is not its default. */
  private static Stream<Arguments> flags() {
    return Stream.of(
        row(
            "store",
            "file:/x/y",
            Options::leases,
            new LeaseSource.Directory(Path.of("/x/y"), CONFIG)),
        row("store", "memory", Options::leases, new LeaseSource.Memory(CONFIG)),
        row(
            "etcd-endpoints",
            "http://192.0.2.1:2379,http://192.0.2.2:2379",
            o -> etcd(o).endpoints(),
            ImmutableList.of("http://192.0.2.1:2379", "http://192.0.2.2:2379")),
        row("etcd-prefix", "/a", o -> etcd(o).prefix(), "/a"),
        row("etcd-cafile", "/ca.pem", o -> etcd(o).authoritiesFile(), "/ca.pem"),
        row("set-node-network-unavailable", "false", Options::nodeId, "host-a"),
        row("iface", "eth1", o -> o.underlay().interfaces(), ImmutableList.of("eth1")),
        row("iface", "eth0,foo", o -> o.underlay().interfaces(), ImmutableList.of("eth0,foo")),
        row(
            "iface-regex",
            "10\\.0\\..*",
            o -> o.underlay().interfacePatterns(),
            ImmutableList.of("10\\.0\\..*")),
        row(
            "iface-can-reach",
            "192.0.2.9",
            o -> o.underlay().canReach(),
            Optional.of(IpAddress.parse("192.0.2.9"))),
        row(
            "public-ip",
            "192.0.2.9",
            o -> o.underlay().publicIps(),
            ImmutableMap.of(IpFamily.V4, IpAddress.parse("192.0.2.9"))),
        row(
            "public-ipv6",
            "2001:db8::9",
            o -> o.underlay().publicIps(),
            ImmutableMap.of(IpFamily.V6, IpAddress.parse("2001:db8::9"))),
        row("subnet-file", "/x/subnet.env", Options::subnetFile, Path.of("/x/subnet.env")),
        row("subnet-lease-renew-margin", "0x10", Options::renewMargin, Duration.ofMinutes(16)),
        row("subnet-lease-renew-margin", "010", Options::renewMargin, Duration.ofMinutes(8)),
        row("subnet-lease-renew-margin", "0o7", Options::renewMargin, Duration.ofMinutes(7)),
        row("ip-masq", "true", o -> o.rules().masquerade(), true),
        row("ip-masq-fully-random-disable", "t", o -> o.rules().randomPorts(), false),
        row("ip-blackhole-route", "1", o -> o.rules().blackHole(), true),
        row("iptables-forward-rules", "false", o -> o.rules().forward(), false),
        row("iptables-forward-rules", "F", o -> o.rules().forward(), false),
        row("iptables-resync", "7", Options::resync, Duration.ofSeconds(7)),
        row(
            "healthz-port",
            "8081",
            o -> o.health().map(InetSocketAddress::getPort),
            Optional.of(8081)),
        row("healthz-port", "-1", Options::health, Optional.empty()),
        row("v", "2", Options::verbose, true),
        row(
            "net-config-path",
            "/etc/kube-flannel/net-conf.json",
            o -> etcd(o).prefix(),
            "/coreos.com/network"));
  }

  @ParameterizedTest
  @MethodSource("flags")
  void aFlagIsTakenInEverySpellingAndFromTheEnvironment(
      String flag, String value, Function<Options, Object> part, Object expected) {
    var variable = Flag.named(flag).orElseThrow().variable().orElseThrow();

    assertEquals(expected, part.apply(options("-" + flag + "=" + value)));
    assertEquals(expected, part.apply(options("--" + flag + "=" + value)));
    assertEquals(expected, part.apply(options(Map.of(variable, value))));
    if (Flag.named(flag).orElseThrow().kind != Flag.Kind.SWITCH) {
      assertEquals(expected, part.apply(options("-" + flag, value)));
      assertEquals(expected, part.apply(options("--" + flag, value)));
    }
  }

  @Test
  void withoutAnyFlagEverythingIsAsFlannelHasIt() {
    var options = options();

    assertEquals(
        new LeaseSource.Etcd(
            ImmutableList.of("http://127.0.0.1:4001", "http://127.0.0.1:2379"),
            "/coreos.com/network",
            "",
            "",
            "",
            "",
            ""),
        options.leases());
    assertEquals(Path.of("/run/flannel/subnet.env"), options.subnetFile());
    assertEquals(Duration.ofMinutes(60), options.renewMargin());
    assertEquals(new Options.Rules(false, true, true, false), options.rules());
    assertEquals(Duration.ofSeconds(5), options.resync());
    assertEquals(Optional.empty(), options.health());
    assertFalse(options.verbose());
    assertEquals("host-a", options.nodeId());
  }

  @Test
  void theCommandLineCountsMoreThanTheEnvironmentAndAnEmptyVariableNotAtAll() {
    var environment =
        Map.of("FLANNELD_ETCD_PREFIX", "/env", "FLANNELD_PUBLIC_IP", "", "NODE_NAME", "node-7");

    var options = options(environment, "--etcd-prefix=/line", "-iface=a", "--iface", "b");

    assertEquals("/line", etcd(options).prefix());
    assertEquals(ImmutableList.of("a", "b"), options.underlay().interfaces());
    assertEquals("node-7", options.nodeId());
  }

  @Test
  void healthIsServedAtTheAddressThatIsAskedFor() {
    var health = options("--healthz-port=1", "--healthz-ip=127.0.0.1").health().orElseThrow();

    assertEquals("127.0.0.1", Objects.requireNonNull(health.getAddress()).getHostAddress());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--healthz-port=abc | --healthz-port: 'abc' is not possible; allowed: a whole number from",
        "--healthz-port=65536 | a whole number from -2147483648 to 65535",
        "--healthz-ip=localhost | --healthz-ip: 'localhost' is not possible; allowed: an address",
        "--subnet-lease-renew-margin=0 | '0' is not possible; allowed: a whole number from 1 to 1439",
        "--subnet-lease-renew-margin=1440 | from 1 to 1439",
        "--iptables-resync=0 | --iptables-resync: '0' is not possible; allowed: a whole number from 1",
        "--ip-masq=maybe | --ip-masq: 'maybe' is not possible; allowed: true or false",
        "--public-ip=2001:db8::1 | allowed: an IPv4 address that other hosts can send to",
        "--public-ip=nonsense | --public-ip: 'nonsense' is not possible; allowed: an IPv4 address",
        "--public-ip=127.0.0.1 | that other hosts can send to",
        "--public-ipv6=192.0.2.1 | allowed: an IPv6 address",
        "--iface-can-reach=x | --iface-can-reach: 'x' is not possible",
        "--iface-regex=( | allowed: a regular expression",
        "--iface= | allowed: the name or an address of an interface",
        "--store=redis | --store: 'redis' is not possible; allowed: memory, file:DIRECTORY or etcd",
        "--store=file: | allowed: memory, file:DIRECTORY or etcd",
        "--subnet-file= | --subnet-file: '' is not possible; allowed: a path",
        "--etcd-endpoints=, | --etcd-endpoints: ',' is not possible; allowed: URLs",
        "--etcd-keyfile=/k | --etcd-keyfile and --etcd-certfile belong together",
        "--etcd-username=u | --etcd-username and --etcd-password belong together",
        "--etcd-password=p | --etcd-password: --etcd-username and --etcd-password belong together",
        "--bogus | there is no flag --bogus",
        "--v= | -v: '' is not possible",
        "--public-ip | --public-ip: the value is missing",
        "false | 'false' is no flag",
        "- | '-' is no flag",
      })
  void aBadFlagIsAnsweredWithItsNameItsValueAndWhatIsAllowed(String word, String answer) {
    var refusal = refusal(Map.of(), word);

    assertTrue(refusal.contains(answer), refusal);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--kube-api-url=http://x | --kube-api-url: says how to use Kubernetes",
        "--kube-annotation-prefix=x | --kube-annotation-prefix: says how to use Kubernetes",
        "--kubeconfig-file=/x | --kubeconfig-file: says how to use Kubernetes",
        "--vmodule=x=2 | --vmodule: belongs to flannel's logging library",
        "--log_backtrace_at=x:1 | --log_backtrace_at: belongs to",
        "--net-config-path=/x | --net-config-path: names a file",
      })
  void whatCannotBeDoneIsRefusedByName(String word, String answer) {
    var refusal = refusal(Map.of(), word);

    assertTrue(refusal.contains(answer), refusal);
  }

  @Test
  void aBadVariableIsAnsweredWithItsName() {
    var refusal = refusal(Map.of("FLANNELD_HEALTHZ_PORT", "abc"));

    assertTrue(refusal.startsWith("FLANNELD_HEALTHZ_PORT: 'abc' is not possible"), refusal);
  }

  @Test
  void aWordBehindASwitchIsNotIgnoredAsFlannelDoes() {
    var refusal = refusal(Map.of(), "--ip-blackhole-route", "false", "--store=memory");

    assertTrue(refusal.contains("'false' is no flag"), refusal);
  }

  @Test
  void flagsOfEtcdDoNotGoWithAnotherStore() {
    var refusal = refusal(Map.of("FLANNELD_ETCD_PREFIX", "/x"), "--store=file:/x");

    assertTrue(refusal.startsWith("FLANNELD_ETCD_PREFIX: says how to use etcd"), refusal);
  }

  @Test
  void userAndPasswordAndCertificateAndKeyGoTogether() {
    var options = options(
        Map.of("FLANNELD_ETCD_PASSWORD", "hunter2"),
        "--etcd-username=root",
        "--etcd-certfile=/c.pem",
        "--etcd-keyfile=/k.pem");

    assertEquals("root", etcd(options).user());
    assertEquals("hunter2", etcd(options).password());
    assertEquals("/c.pem", etcd(options).certificateFile());
    assertEquals("/k.pem", etcd(options).keyFile());
    assertFalse(etcd(options).toString().contains("hunter2"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"--etcd-password=hunter2", "--etcd-endpoints=http://u:hunter2@192.0.2.1:1"})
  void secretsAreNeitherLoggedNorPrinted(String word) {
    var options = options("--etcd-password=hunter2", word, "--etcd-username=root");

    assertFalse(options.shown().contains("hunter2"), options.shown());
    assertTrue(options.shown().contains("<hidden>"), options.shown());
    assertTrue(options.shown().contains("--etcd-username=root"), options.shown());
    var refusal = refusal(Map.of(), "--store=memory", word);
    assertFalse(refusal.contains("hunter2"), refusal);
  }

  @Test
  void theHelpTextNamesEveryFlagWithItsDefault() throws IOException {
    try (var golden = FlagsTest.class.getResourceAsStream("help.txt")) {
      var expected = new String(Objects.requireNonNull(golden).readAllBytes(), UTF_8);

      assertEquals(expected, Options.help());
    }
  }
}
