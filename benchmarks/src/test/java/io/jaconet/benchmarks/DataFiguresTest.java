package io.jaconet.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import org.junit.jupiter.api.Test;

class DataFiguresTest {
  private final DataFigures figures = new DataFigures();
  private final Report report = new Report("data");

  private void add(PathTest test, LinkMode mode, DataPathKind variant, double... values) {
    for (double value : values) {
      figures.add(test, mode, variant, value);
    }
  }

  @Test
  void rowsAreOfTestModeAndVariantInTheirOrder() {
    add(PathTest.UDP64, LinkMode.PLAIN, DataPathKind.UDP, 90);
    add(PathTest.TCP1, LinkMode.WIRE, DataPathKind.UDP, 4000);
    add(PathTest.TCP1, LinkMode.PLAIN, DataPathKind.UDP, 7000, 6000, 9000);
    add(PathTest.TCP1, LinkMode.PLAIN, DataPathKind.DIRECT, 14_000);

    figures.reportTo(report);

    assertEquals(
        ImmutableList.of("tcp1 plain direct", "tcp1 plain udp", "tcp1 wire udp", "udp64 plain udp"),
        report.rows().stream()
            .map(row -> row.test() + " " + row.mode() + " " + row.variant())
            .collect(ImmutableList.toImmutableList()));
    var row = report.rows().get(1);
    assertEquals(7000, row.median());
    assertEquals(6000, row.min());
    assertEquals(9000, row.max());
  }

  @Test
  void throughputIsHeldAgainstTheKernelsAndDelayAgainstThePlainForwarder() {
    add(PathTest.TCP1, LinkMode.WIRE, DataPathKind.KERNEL_VXLAN, 4000);
    add(PathTest.TCP1, LinkMode.WIRE, DataPathKind.UDP, 4400);
    add(PathTest.RTT, LinkMode.PLAIN, DataPathKind.KERNEL_VXLAN, 17);
    add(PathTest.RTT, LinkMode.PLAIN, DataPathKind.BASELINE, 80);
    add(PathTest.RTT, LinkMode.PLAIN, DataPathKind.UDP, 100);

    figures.reportTo(report);

    var bars = report.bars();
    assertEquals(2, bars.size());
    assertEquals(1.1, bars.get(0).value(), 1e-9);
    assertTrue(bars.get(0).isMet());
    assertEquals(
        "met     TCP 1 stream, wire-like: 1.10 x kernel-vxlan, at least 0.95; aim 1.20 missed",
        bars.get(0).toString());
    assertEquals(1.25, bars.get(1).value());
    assertFalse(bars.get(1).isMet());
    assertTrue(report.table().contains("1.25 x baseline"), report.table());
  }

  @Test
  void whatWasNotMeasuredHasNoBar() {
    add(PathTest.TCP1, LinkMode.PLAIN, DataPathKind.UDP, 7000);

    figures.reportTo(report);

    assertTrue(report.bars().isEmpty());
    assertEquals("", report.rows().get(0).remark());
  }

  @Test
  void theChartHasAPanelForEachTestAndABarForEachMedian() {
    add(PathTest.TCP1, LinkMode.PLAIN, DataPathKind.KERNEL_VXLAN, 12_000);
    add(PathTest.TCP1, LinkMode.PLAIN, DataPathKind.UDP, 7000, 6000, 9000);
    add(PathTest.RTT, LinkMode.WIRE, DataPathKind.UDP, 60);

    var panels = figures.chart("").panels();

    assertEquals(2, panels.size());
    assertEquals(
        ImmutableList.of(
            new BarChart.Bar("kernel-vxlan", 12_000, false), new BarChart.Bar("udp", 7000, true)),
        panels.get(0).groups().get(0).bars());
  }
}
