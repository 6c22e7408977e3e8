package io.jaconet.examples.lab;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LabOptionsTest {
  private static LabOptions parse(String... arguments) {
    return LabOptions.parse(List.of(arguments), ImmutableSet.of("pigeon", "vxlan"));
  }

  @Test
  void withoutOptionsThreeHostsJoinAnIpv4NetworkOverVxlan() {
    var options = parse();

    assertEquals(LabOptions.Mode.CHECK, options.mode());
    assertEquals(3, options.hosts());
    assertEquals("vxlan", options.config().backendType());
    assertEquals(ImmutableSet.of(IpFamily.V4), options.config().families());
  }

  @Test
  void aNetworkEnablesItsFamilyAndDualAddsTheOther() {
    assertEquals(
        ImmutableMap.of(IpFamily.V6, IpPrefix.parse("fd07::/48")),
        parse("--network", "fd07::/48").config().networks());
    assertEquals(
        ImmutableMap.of(
            IpFamily.V4, IpPrefix.parse("10.244.0.0/16"), IpFamily.V6, IpPrefix.parse("fd07::/48")),
        parse("--network", "fd07::/48", "--dual").config().networks());
  }

  @Test
  void onlyAHeldLabHasANameThatASecondStartFinds() {
    assertEquals(parse("--hold").prefix(), "jaconet");
    assertEquals(parse().prefix(), "jaconet" + ProcessHandle.current().pid());
  }

  @ParameterizedTest
  @CsvSource({
    "--hosts 1, 2 to 50",
    "--hosts 51, 2 to 50",
    "--hosts many, 2 to 50",
    "--hosts, 2 to 50",
    "--vni 16777216, 0 to 16777215",
    "--data-path hardware, kernel or user",
    "--mtu 1279, 1280 to 65535",
    "--backend ipsec, pigeon",
    "--network 10.244.0.0, --network 10.244.0.0/16",
    "--network 10.1.0.0/16 --ipv6, IPv6",
    "--network 10.1.0.0/16 --network 10.2.0.0/16, once per family",
    "--network 10.1.0.0/31, 10.244.0.0/16",
    "--prefix a-b, letters",
    "--frobnicate, --frobnicate",
  })
  void aWrongOptionIsAnsweredByWhatIsAllowed(String arguments, String allowed) {
    var refusal =
        assertThrows(IllegalArgumentException.class, () -> parse(arguments.split(" ", -1)));

    assertTrue(String.valueOf(refusal.getMessage()).contains(allowed), refusal::getMessage);
  }

  @Test
  void aWrongOptionEndsTheLabWithStatus2() {
    assertEquals(
        2,
        Lab.run(List.of("--frobnicate"), new PrintStream(OutputStream.nullOutputStream()), false));
  }
}
