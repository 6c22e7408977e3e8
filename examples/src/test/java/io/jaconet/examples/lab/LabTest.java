package io.jaconet.examples.lab;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.examples.JavaCommand;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.RtNetlink;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.InNetworkNamespace;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@InNetworkNamespace
@Timeout(120)
class LabTest {
  private static final String PREFIX = "lt" + ProcessHandle.current().pid();

  private static String output(int expectedStatus, String... arguments) {
    var bytes = new ByteArrayOutputStream();
    int status = Lab.run(
        ImmutableList.<String>builder().add(arguments).add("--prefix", PREFIX).build(),
        new PrintStream(bytes, true, UTF_8),
        false);
    assertEquals(expectedStatus, status, () -> bytes.toString(UTF_8));
    return bytes.toString(UTF_8);
  }

  /** Without an address on any interface Java believes that there is no IPv6. */
  @BeforeEach
  void bringLoopbackUp() throws IOException {
    try (var netlink = RtNetlink.open()) {
      netlink.setUp(1);
    }
  }

  @AfterEach
  void leavesNothing() throws IOException {
    assertEquals(List.of(), Fabric.removeLeftovers(PREFIX + "-"));
    assertFalse(Files.exists(Path.of("/run/jaconet-lab", PREFIX)));
  }

  @ParameterizedTest
  @CsvSource({"'',18", "--ipv6,18", "--dual,36"})
  void everybodyReachesEveryWorkload(String family, int paths) {
    var output = family.isEmpty() ? output(0) : output(0, family);

    assertTrue(output.contains("All " + paths + " paths work"), output);
  }

  @Test
  void aHostOutsideSeesWorkloadsAsTheirHosts() {
    var output = output(0, "--masq", "--dual", "--hosts", "2");

    assertTrue(
        output.contains("All 24 paths work and show the sender's own address, outside the host's"),
        output);
    assertTrue(output.contains("h1 keeps 20 rules with "), output);
  }

  @Test
  void theTableTellsWhatTheOptionsAskedFor() {
    var output =
        output(0, "--hosts", "2", "--network", "10.99.0.0/16", "--mtu", "4000", "--vni", "7");

    assertTrue(
        Pattern.compile(
                PREFIX
                    + "-h2 +192\\.0\\.2\\.2 +10\\.99\\.\\d+\\.0/24 +[0-9a-f:]{17} +3950 +10\\.99\\.\\d+\\.2")
            .matcher(output)
            .find(),
        output);
  }

  @ParameterizedTest
  @CsvSource({"--data-path,user", "--backend,udp"})
  void packetsThatPassThroughJavaReachEverybody(String option, String value) {
    var output = output(0, option, value, "--dual", "--hosts", "2");

    assertTrue(output.contains("All 16 paths work"), output);
  }

  @Test
  void directRoutesCarryTheTrafficToo() {
    output(0, "--direct-routing", "--hosts", "2");
  }

  @Test
  void aNetworkTooSmallForTheHostsFailsAndLeavesNothing() {
    output(1, "--network", "10.99.0.0/28", "--hosts", "9");
  }

  @Test
  void anMtuTooSmallForTheBackendCountsAsMisuse() {
    output(2, "--ipv6", "--mtu", "1300");
  }

  @Test
  void aHeldLabThatIsKilledKeepsCarryingTrafficAndIsAdoptedWithoutALostPing() throws Exception {
    var killed = start("--hold", "--dual");
    Process ping = null;
    Process adopter = null;
    try {
      var target = readUntil(killed, "ping far away:.* ping (.*)");
      try (var workload = NetworkNamespace.named(PREFIX + "-h1w1")) {
        ping = workload.start(
            new ProcessBuilder("ping", "-n", "-i", "0.01", target).redirectErrorStream(true));
        readUntil(ping, "bytes from.* icmp_seq=(5) ");
      }
      killed.destroyForcibly().waitFor();
      readUntil(ping, "bytes from.* icmp_seq=(2.) ");
      assertTrue(output(1, "--dual").isEmpty());

      adopter = start("--hold", "--dual");

      assertEquals("0", readUntil(adopter, "Adopted hosts.* written to the kernel: (.*)"));
      readUntil(adopter, "(All 36 paths work)");
      assertEquals(target, readUntil(adopter, "ping far away:.* ping (.*)"));
      new ProcessBuilder("kill", "-INT", Long.toString(ping.pid())).start().waitFor();
      readUntil(ping, "((\\d+) packets transmitted, \\2 received)");
    } finally {
      if (ping != null) {
        ping.destroy();
      }
      killed.destroyForcibly().waitFor();
      if (adopter == null) {
        RunDirectory.removeLeftovers();
      } else {
        adopter.destroy();
        assertTrue(adopter.waitFor(20, TimeUnit.SECONDS));
      }
    }
  }

  @Test
  void aNamespaceThatIsNotTheLabsIsInTheWayAndStays() throws IOException {
    try (var stranger = NetworkNamespace.createNamed(PREFIX + "-h2")) {
      try {
        output(1);
        output(1, "--hold");

        assertTrue(NetworkNamespace.names().contains(PREFIX + "-h2"));
      } finally {
        stranger.delete();
      }
    }
  }

  @Test
  void aHeldLabOfOtherSettingsIsReplaced() throws Exception {
    var killed = start("--hold", "--hosts", "2");
    readUntil(killed, "(ping far away)");
    killed.destroyForcibly().waitFor();

    var other = start("--hold", "--ipv6");

    try {
      readUntil(other, "(All 18 paths work)");
    } finally {
      other.destroy();
      assertTrue(other.waitFor(20, TimeUnit.SECONDS));
    }
  }

  @Test
  void cleanRemovesWhatAKilledLabLeftAndNothingElse() throws Exception {
    var killed = start("--hold", "--hosts", "2");
    readUntil(killed, "(ping far away)");

    assertFalse(RunDirectory.removeLeftovers().contains(PREFIX + "-h1"));
    killed.destroyForcibly().waitFor();

    assertTrue(RunDirectory.removeLeftovers()
        .containsAll(List.of(PREFIX + "-h1", PREFIX + "-h2w1", PREFIX + "-switch")));
  }

  private static Process start(String... options) throws IOException {
    return new ProcessBuilder(JavaCommand.of(
            "lab.Lab",
            ImmutableList.<String>builder().add("--prefix", PREFIX).add(options).build()))
        .redirectErrorStream(true)
        .start();
  }

  /** Reads lines until one has {@code pattern} in it, and returns what its group matched. */
  private static String readUntil(Process process, String pattern) throws IOException {
    var compiled = Pattern.compile(pattern);
    BufferedReader lines = process.inputReader(UTF_8);
    var seen = new StringBuilder();
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      seen.append(line).append('\n');
      var matcher = compiled.matcher(line);
      if (matcher.find()) {
        return matcher.group(1);
      }
    }
    throw new AssertionError("'" + pattern + "' is not in\n" + seen);
  }
}
