package io.jaconet.overlay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.common.collect.ImmutableMap;
import io.jaconet.internal.SeededRandom;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SubnetEnvTest {
  private static final NetworkConfig DUAL =
      NetworkConfig.builder().network("10.55.0.0/16").network("fd55::/48").build();
  private static final Subnets OWN = Subnets.parseKey("10.55.9.0-24&fd55:0:0:4::-64");
  private static final String DUAL_TEXT = """
      FLANNEL_NETWORK=10.55.0.0/16
      FLANNEL_SUBNET=10.55.9.1/24
      FLANNEL_IPV6_NETWORK=fd55::/48
      FLANNEL_IPV6_SUBNET=fd55:0:0:4::1/64
      FLANNEL_MTU=1430
      FLANNEL_IPMASQ=true
      """;

  @TempDir
  private Path directory;

  @Test
  void writesWhatFlanneldWrites() {
    assertEquals(DUAL_TEXT, SubnetEnv.of(DUAL, OWN, 1430, true).render());
  }

  @Test
  void writesTheEnabledFamilyAlone() {
    var config = NetworkConfig.builder().network("10.55.0.0/16").build();

    assertEquals(
        "FLANNEL_NETWORK=10.55.0.0/16\nFLANNEL_SUBNET=10.55.3.193/28\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=false\n",
        SubnetEnv.of(config, Subnets.parseKey("10.55.3.192-28"), 1472, false).render());
  }

  @Test
  void readsWhatItWrites() {
    var env = SubnetEnv.parse(DUAL_TEXT);

    assertEquals(SubnetEnv.of(DUAL, OWN, 1430, true), env);
    assertEquals(OWN, env.previous());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "FLANNEL_SUBNET=10.5.1.1/24\n",
        "FLANNEL_SUBNET=10.5.1.1/24\r\nFLANNEL_MTU=1450\r\n",
        "# FLANNEL_SUBNET=10.9.1.1/24\n\n  export FLANNEL_SUBNET = \"10.5.1.1/24\"  # mine\n",
        "FLANNEL_SUBNET: '10.5.1.1/24'\n",
        "FLANNEL_SUBNET=10.9.1.1/24\nFLANNEL_SUBNET=10.5.1.1/24\n",
        "FLANNEL_SUBNET=10.5.1.1/24,garbage,,fd00::/64\n",
        "FLANNEL_SUBNET=$(reboot)\nFLANNEL_SUBNET=10.5.1.1/24\nnonsense\n=\n"
      })
  void readsDotenvSyntax(String text) {
    assertEquals(
        ImmutableMap.of(IpFamily.V4, IpPrefix.parse("10.5.1.0/24")),
        SubnetEnv.parse(text).subnets());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "FLANNEL_SUBNET=\n",
        "FLANNEL_SUBNET=10.5.1.1/24,10.5.2.1/24\n",
        "FLANNEL_SUBNET=fd00::/64\n",
        "FLANNEL_SUBNET=10.5.1.1/33\n",
        "flannel_subnet=10.5.1.1/24\n",
        "FLANNEL_SUBNET=\"10.5.1.1/24\n",
        "FLANNEL_SUBNET=$(cat /etc/passwd)\n",
        "FLANNEL_SUBNET=10.5.1.1/24\nFLANNEL_SUBNET=x\n"
      })
  void findsNoSubnetWhereNotExactlyOneIsThere(String text) {
    assertEquals(ImmutableMap.of(), SubnetEnv.parse(text).subnets());
    assertNull(SubnetEnv.parse(text).previous());
  }

  @Test
  void replacesItsFile() throws IOException {
    Path file = directory.resolve("run/subnet.env");
    SubnetEnv.parse("FLANNEL_SUBNET=10.9.1.1/24\n").write(file);

    SubnetEnv.of(DUAL, OWN, 1430, true).write(file);

    assertEquals(DUAL_TEXT, Files.readString(file));
    assertEquals(SubnetEnv.of(DUAL, OWN, 1430, true), SubnetEnv.read(file));
  }

  /** Class E: the other kinds of file are refused by AtomicFile. */
  @Test
  void saysWhyItIgnoresAFile() throws IOException {
    Path torn = Files.writeString(directory.resolve("torn"), "FLANNEL_SUBNET=10.5.1.1/2");
    Path empty = Files.writeString(directory.resolve("empty"), "FLANNEL_MTU=1450\n");
    Path huge = Files.writeString(directory.resolve("huge"), "#".repeat(1 << 20) + "\n");

    assertEquals(
        torn + " is incomplete: its last line has no end",
        assertThrows(IOException.class, () -> SubnetEnv.read(torn)).getMessage());
    assertEquals(
        empty + " names no subnet",
        assertThrows(IOException.class, () -> SubnetEnv.read(empty)).getMessage());
    assertEquals(
        huge + " is larger than 65536 bytes",
        assertThrows(IOException.class, () -> SubnetEnv.read(huge)).getMessage());
    assertThrows(NoSuchFileException.class, () -> SubnetEnv.read(directory.resolve("absent")));
  }

  @Test
  void survivesEveryMutationOfAFile(TestReporter reporter) {
    var garbage = new Garbage(SeededRandom.reportedTo(reporter));
    for (int i = 0; i < 5_000; i++) {
      String text = garbage.mutation(DUAL_TEXT);
      long start = System.nanoTime();

      var env = SubnetEnv.parse(text);

      assertEquals(
          env.subnets(),
          SubnetEnv.parse(new SubnetEnv(env.subnets(), env.subnets(), env.mtu(), false).render())
              .subnets(),
          text);
      Garbage.assertQuick(start, text);
    }
  }

  @Test
  void takesLinearTimeForAnyLine() {
    for (String filler : new String[] {" ", "a", "\"", "'", "#", "\t", "export "}) {
      String line = "FLANNEL_SUBNET=" + filler.repeat(60_000) + "\"x";
      long start = System.nanoTime();

      assertEquals(ImmutableMap.of(), SubnetEnv.parse(line).subnets());

      Garbage.assertQuick(start, line);
    }
  }
}
