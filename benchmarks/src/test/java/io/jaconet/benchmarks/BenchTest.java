package io.jaconet.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.gson.JsonParser;
import io.jaconet.benchmarks.Report.Bar;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.testkit.InNetworkNamespace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs each benchmark in small. The namespace only serves to skip them where none can be made. */
@InNetworkNamespace
class BenchTest {
  private static final int PEERS = 20;

  @TempDir
  private Path directory;

  private Report run(Benchmark benchmark) throws Exception {
    return Bench.run(
        benchmark,
        ImmutableOptions.builder()
            .rounds(2)
            .peers(ImmutableList.of(PEERS))
            .changes(3)
            .idle(Duration.ofSeconds(1))
            .cycles(6)
            .json(directory.resolve("rows.json"))
            .build());
  }

  private static double median(Report report, String variant) {
    return report.rows().stream()
        .filter(row -> row.variant().equals(variant))
        .findFirst()
        .orElseThrow()
        .median();
  }

  @AfterEach
  void leavesNoNamespace() throws Exception {
    assertTrue(
        NetworkNamespace.names().stream().noneMatch(Hosts::isOfThisRun),
        NetworkNamespace.names()::toString);
  }

  @Test
  void scaleComparesAJoinWithABatchThatLeavesTheSame() throws Exception {
    var report = run(new Scale());

    assertTrue(median(report, "join()") > 0);
    assertTrue(median(report, "ip and bridge -batch") > 0);
    assertTrue(median(report, "join() / batch") > 0);
  }

  @Test
  void changeSeesTheKernelAnnounceEachChangeAndNoneWhileIdle() throws Exception {
    var report = run(new Change());

    assertTrue(median(report, "all 9 changes") > 0);
    assertEquals(0, median(report, "kernel writes"));
    assertEquals(0, median(report, "kernel announcements"));
  }

  @Test
  @Tag("nightly")
  void repairSeesEachDamageMendedWithFewWrites() throws Exception {
    Commands.output("ip", "link", "set", "lo", "up");
    var report = run(new Repair());

    assertTrue(report.bars().stream().anyMatch(bar -> bar.what().contains("writes after")));
    assertTrue(report.bars().stream().allMatch(Bar::isMet), report.table());
  }

  @Test
  @Tag("nightly")
  void faultsAreEachSaidAndEndWithTheNetwork() throws Exception {
    var report = run(new Faults());

    assertEquals(8, report.bars().stream().filter(bar -> bar.unit().equals("s")).count());
    assertTrue(
        report.bars().stream().filter(bar -> !bar.unit().equals("%")).allMatch(Bar::isMet),
        report.table());
  }

  @Test
  void openCloseFindsEverythingAsItWas() throws Exception {
    var report = run(new OpenClose());

    assertFalse(report.bars().isEmpty());
    assertTrue(report.bars().stream().allMatch(Bar::isMet), report.table());
  }

  @Test
  void startMeasuresMoreThanAnEmptyMain() throws Exception {
    var report = run(new Start());

    assertTrue(
        median(report, "JVM to joined network, class path") > median(report, "JVM to empty main"),
        report.table());
  }

  @Test
  void dataMeasuresAndDrawsWhatItIsAskedFor() throws Exception {
    var svg = directory.resolve("chart.svg");
    var options = ImmutableOptions.builder()
        .rounds(1)
        .tests(ImmutableSet.of(PathTest.CPU, PathTest.UDP64, PathTest.RTT))
        .modes(ImmutableSet.of(LinkMode.WIRE))
        .variants(ImmutableSet.of(DataPathKind.UDP))
        .traffic(Duration.ofSeconds(1))
        .svg(svg)
        .build();

    var report = Bench.run(new DataPaths(), options);

    assertEquals(
        List.of("udp64 wire udp", "rtt wire udp", "cpu wire udp"),
        report.rows().stream()
            .map(row -> row.test() + " " + row.mode() + " " + row.variant())
            .toList());
    assertTrue(report.rows().stream().allMatch(row -> row.median() > 0), report.table());
    assertTrue(Files.readString(svg).contains("<svg"));
  }

  @Test
  void writesTheRowsAsJson() throws Exception {
    var report = run(new Start());

    var rows =
        JsonParser.parseString(Files.readString(directory.resolve("rows.json"))).getAsJsonArray();
    assertEquals(report.rows().size(), rows.size());
    var row = rows.get(0).getAsJsonObject();
    assertEquals("start", row.get("test").getAsString());
    assertEquals("ms", row.get("unit").getAsString());
    assertEquals(report.rows().get(0).median(), row.get("median").getAsDouble());
  }
}
