package io.jaconet.subnet;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
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
  private record Replacement(JavaPrograms programs, Path directory) implements CrashScenario {
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
          return programs.program(OneWriter.class, file).start();
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

  @Test
  void leavesAWholeFileWhereverItIsKilled() throws Exception {
    assumeTrue(CrashCampaign.isPossible(), "needs strace, and the right to trace a child");
    var programs = JavaPrograms.packedIn(directory, AtomicFileCrashTest.class);
    var campaign = new CrashCampaign(
        new Replacement(programs, directory),
        (name, point) -> "mvn test -pl subnet -am -Dtest=AtomicFileCrashTest"
            + " -Dsurefire.failIfNoSpecifiedTests=false");

    var tally = campaign.run(Integer.MAX_VALUE, 0);

    System.out.println(tally);
    assertEquals(tally.points(), tally.killed(), tally.toString());
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
