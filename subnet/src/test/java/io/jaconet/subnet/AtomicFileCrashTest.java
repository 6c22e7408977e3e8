package io.jaconet.subnet;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jaconet.internal.AtomicFile;
import io.jaconet.testkit.crash.CrashCampaign;
import io.jaconet.testkit.crash.CrashScenario;
import io.jaconet.testkit.crash.JavaPrograms;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * T17: a writer is killed at each system call of the write; a reader finds the old content or the new. Here and not with {@link AtomicFile},
 * since the testkit stands on that module.
 */
class AtomicFileCrashTest {
  @TempDir
  private Path directory;

  private static void write(Path file, byte[] content) throws IOException {
    AtomicFile.replace(file, content, PosixFilePermissions.fromString("rw-r--r--"));
  }

  private static void assertWhole(Path file) throws IOException {
    byte[] content = Files.readAllBytes(file);
    boolean whole =
        Arrays.equals(content, EndlessWriter.SHORT) || Arrays.equals(content, EndlessWriter.LONG);
    assertTrue(whole, () -> content.length + " bytes that nobody meant to be there");
  }

  /** A file that is replaced. */
  private record Replacement(JavaPrograms programs, Path directory, boolean inPlace)
      implements CrashScenario {
    @Override
    public String name() {
      return "AtomicFile";
    }

    @Override
    public World newWorld() throws IOException {
      var file = directory.resolve("subnet.env");
      write(file, EndlessWriter.SHORT);
      return new World() {
        @Override
        public Process start() throws IOException {
          return programs.program(OneWriter.class, file, inPlace).start();
        }

        @Override
        public void inspect() throws IOException {
          assertWhole(file);
        }

        @Override
        public void recover() throws IOException {
          write(file, EndlessWriter.LONG);
          assertArrayEquals(EndlessWriter.LONG, Files.readAllBytes(file));
        }

        @Override
        public void close() {}
      };
    }
  }

  private CrashCampaign campaign(boolean inPlace) throws IOException {
    assumeTrue(CrashCampaign.isPossible(), "needs strace, and the right to trace a child");
    var programs = JavaPrograms.packedIn(directory, AtomicFileCrashTest.class);
    return new CrashCampaign(
        new Replacement(programs, directory, inPlace),
        (name, point) -> "mvn test -pl subnet -am -Dtest=AtomicFileCrashTest"
            + " -Dsurefire.failIfNoSpecifiedTests=false");
  }

  @Test
  void leavesAWholeFileWhereverItIsKilled() throws Exception {
    var tally = campaign(false).run(Integer.MAX_VALUE, 0);

    System.out.println(tally);
    assertEquals(tally.points(), tally.killed(), tally.toString());
  }

  @Test
  void theCrashesNoticeAWriterInPlaceAndSayWhere() throws Exception {
    var campaign = campaign(true);

    var torn = assertThrows(AssertionError.class, () -> campaign.run(Integer.MAX_VALUE, 17));

    var message = String.valueOf(torn.getMessage());
    assertTrue(message.contains("AtomicFile, killed at write:1:1 write("), message);
    assertTrue(message.contains("seed 17") && message.contains("0 bytes"), message);
    assertTrue(message.contains("repeat it with: mvn test -pl subnet"), message);
  }

  @Test
  void showsAReaderAWholeFileWhileItIsReplacedAndWhenTheWriterIsKilled() throws Exception {
    Path file = directory.resolve("subnet.env");
    write(file, EndlessWriter.SHORT);
    var process = JavaPrograms.packedIn(directory, AtomicFileCrashTest.class)
        .program(EndlessWriter.class, file)
        .redirectOutput(directory.resolve("output").toFile())
        .start();
    try {
      long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
      while (System.nanoTime() < until) {
        assertWhole(file);
      }
      assertTrue(process.isAlive(), () -> readOutput());
    } finally {
      assertEquals(128 + 9, process.destroyForcibly().waitFor());
    }

    assertWhole(file);
  }

  private String readOutput() {
    try {
      return Files.readString(directory.resolve("output"));
    } catch (IOException e) {
      return e.toString();
    }
  }
}
