package io.jaconet.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.benchmarks.Report.Bar;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class MicroTest {

  @Test
  @Tag("nightly")
  void findsThatNothingIsAllocatedPerPacket() throws Exception {
    var report = Bench.run(new Micro(), ImmutableOptions.builder().rounds(1).build());

    assertEquals(
        Set.of("checksum", "segmentation", "merge", "lookupV4", "lookupV6"),
        report.rows().stream().map(Report.Row::mode).collect(Collectors.toSet()));
    assertEquals(5, report.bars().size());
    assertTrue(report.bars().stream().allMatch(Bar::isMet), report.table());
  }
}
