package io.jaconet.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.InNetworkNamespace;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs each example as a reader would: as a program, on a host that has an underlay. */
@InNetworkNamespace
@Timeout(60)
class ExamplesTest {

  private static String run(String example, String... before) throws Exception {
    var command = new ArrayList<>(List.of(before));
    command.addAll(JavaCommand.of(example, List.of()));
    var prefix = "ex" + ProcessHandle.current().pid() + "-";
    try (var fabric = Fabric.builder().prefix(prefix).hosts(1).create()) {
      var process =
          fabric.host(1).namespace().start(new ProcessBuilder(command).redirectErrorStream(true));
      var output = new String(process.getInputStream().readAllBytes(), UTF_8);
      assertEquals(0, process.waitFor(), output);
      return output;
    }
  }

  @Test
  void aJvmJoinsANetwork() throws Exception {
    var output = run("EmbedExample");

    assertTrue(output.contains("my subnet: 10.244."), output);
    assertTrue(output.contains("MTU for workloads: 1450"), output);
  }

  @Test
  void workloadsOfTwoHostsReachEachOtherByBothFamilies() throws Exception {
    var output = run("TwoHostsExample");

    assertTrue(output.contains("reached 10.244."), output);
    assertTrue(output.contains("reached fd42:244:"), output);
    assertTrue(!output.contains("did not"), output);
  }

  @Test
  void aListenerHearsOfTheLeaseAndTheStates() throws Exception {
    var output = run("ListenerExample");

    assertTrue(output.contains("lease: 10.244."), output);
    assertTrue(output.contains("state: UP"), output);
    assertTrue(output.contains("state: CLOSED"), output);
  }

  @Test
  void aProgramWithoutPrivilegeSendsPackets() throws Exception {
    var output = run("RootlessExample", "setpriv", "--inh-caps=-all", "--bounding-set=-all");

    assertTrue(output.contains("10.244.2.9 received: hello overlay"), output);
  }

  @Test
  void containersThatCniPluginsAttachReachEachOtherAndLeaveNothing() throws Exception {
    var output = run("cni.CniExample");

    assertTrue(output.matches("(?s).*10\\.244\\.\\d+\\.2 reached 10\\.244\\.\\d+\\.2.*"), output);
    assertTrue(output.contains("left behind: nothing"), output);
  }

  @Test
  void anApplicationKeepsItsSubnetFromOneJoinToTheNext() throws Exception {
    var joined = run("LifeCycleExample")
        .lines()
        .filter(line -> line.startsWith("joined "))
        .map(line -> line.replace("again ", ""))
        .toList();

    assertEquals(2, joined.size());
    assertEquals(joined.get(0), joined.get(1));
  }
}
