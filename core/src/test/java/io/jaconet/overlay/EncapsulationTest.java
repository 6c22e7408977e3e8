package io.jaconet.overlay;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jaconet.net.IpFamily;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EncapsulationTest {

  /** T08: what the kernel and flannel take off, per encapsulation and family of the underlay. */
  @ParameterizedTest
  @CsvSource({
    "NONE,  V4, 1500, 1500",
    "NONE,  V6, 1500, 1500",
    "UDP,   V4, 1500, 1472",
    "UDP,   V6, 1500, 1452",
    "VXLAN, V4, 1280, 1230",
    "VXLAN, V4, 1450, 1400",
    "VXLAN, V4, 1500, 1450",
    "VXLAN, V4, 9000, 8950",
    "VXLAN, V6, 1280, 1210",
    "VXLAN, V6, 1450, 1380",
    "VXLAN, V6, 1500, 1430",
    "VXLAN, V6, 9000, 8930"
  })
  void leavesRoomForItsHeaders(
      Encapsulation encapsulation, IpFamily underlay, int underlayMtu, int overlayMtu) {
    assertEquals(overlayMtu, encapsulation.overlayMtu(underlayMtu, underlay));
    assertEquals(underlayMtu - overlayMtu, encapsulation.overheadBytes(underlay));
  }

  @ParameterizedTest
  @CsvSource({"V4, 68", "V6, 1280"})
  void knowsTheSmallestMtuOfALink(IpFamily inner, int minimum) {
    assertEquals(minimum, Encapsulation.minimumMtu(inner));
  }
}
