package io.jaconet.udp.backend;

import io.jaconet.testkit.InNetworkNamespace;
import org.junit.jupiter.api.Tag;

/** The same with two threads for each direction, which do not sleep at once. */
@InNetworkNamespace
@Tag("nightly")
class TwoHostsWithTwoWorkersTest extends TwoHostsTest {
  @Override
  String options() {
    return ",\"Workers\":2,\"BusyPoll\":50";
  }
}
