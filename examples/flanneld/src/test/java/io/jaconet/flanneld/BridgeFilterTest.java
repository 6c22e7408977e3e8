package io.jaconet.flanneld;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BridgeFilterTest {
  @TempDir
  private Path directory;

  @Test
  void missesTheSettingOfEachFamilyThatIsInUse() throws IOException {
    Files.createFile(directory.resolve("bridge-nf-call-iptables"));

    assertEquals(List.of(), BridgeFilter.missing(directory, EnumSet.of(IpFamily.V4)));
    assertEquals(
        List.of(directory.resolve("bridge-nf-call-ip6tables")),
        BridgeFilter.missing(directory, EnumSet.allOf(IpFamily.class)));
  }
}
