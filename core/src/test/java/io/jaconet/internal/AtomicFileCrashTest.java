package io.jaconet.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.common.base.Ascii;
import com.google.errorprone.annotations.Immutable;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** T17: a writer is killed with SIGKILL at each system call of the write; a reader finds the old content or the new. */
class AtomicFileCrashTest {
  private static final int KILLED = 128 + 9;

  @TempDir
  private Path directory;

  private static String[] writer(Path file) {
    String classPath = Stream.of(
            AtomicFile.class, EndlessWriter.class, Ascii.class, Immutable.class)
        .map(type -> type.getProtectionDomain().getCodeSource())
        .map(CodeSource::getLocation)
        .map(location -> Path.of(location.getPath()).toString())
        .distinct()
        .collect(Collectors.joining(File.pathSeparator));
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    return new String[] {
      java,
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-Xshare:auto",
      "-cp",
      classPath,
      EndlessWriter.class.getName(),
      file.toString()
    };
  }

  private static List<String> killedAt(String systemCall, int count, Path file) {
    var command = new ArrayList<>(List.of(
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=" + systemCall,
        "-e",
        "inject=" + systemCall + ":signal=SIGKILL:when=" + count));
    command.addAll(Arrays.asList(writer(file)));
    return command;
  }

  private static boolean canTrace() throws InterruptedException {
    try {
      var process = new ProcessBuilder("strace", "-qq", "-o", "/dev/null", "true")
          .redirectErrorStream(true)
          .start();
      process.getInputStream().close();
      return process.waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  private static void assertWhole(Path file) throws IOException {
    byte[] content = Files.readAllBytes(file);
    boolean whole =
        Arrays.equals(content, EndlessWriter.SHORT) || Arrays.equals(content, EndlessWriter.LONG);
    assertTrue(whole, () -> content.length + " bytes that nobody meant to be there");
  }

  /**
   * The first call to be killed at is past those that a JVM makes until its main method runs. A round makes some of the calls several
   * times: it opens the directory to list it, the new file, and the directory to sync it.
   */
  @ParameterizedTest
  @CsvSource({
    "openat, 600, 3",
    "close, 600, 3",
    "write, 200, 1",
    "chmod, 20, 1",
    "fsync, 20, 2",
    "rename, 20, 1"
  })
  void leavesAWholeFileWhereverItIsKilled(String systemCall, int first, int callsPerRound)
      throws Exception {
    assumeTrue(canTrace(), "needs strace, and the right to trace a child");
    Path file = directory.resolve("subnet.env");
    AtomicFile.replace(file, EndlessWriter.SHORT, PosixFilePermissions.fromString("rw-r--r--"));

    for (int call = 0; call < callsPerRound; call++) {
      var process = new ProcessBuilder(killedAt(systemCall, first + call, file))
          .redirectErrorStream(true)
          .redirectOutput(directory.resolve("output").toFile())
          .start();
      boolean ended = process.waitFor(30, TimeUnit.SECONDS);
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();

      assertTrue(ended, "not killed");
      assertEquals(KILLED, process.exitValue(), () -> readOutput());
      assertWhole(file);
      AtomicFile.replace(file, EndlessWriter.LONG, PosixFilePermissions.fromString("rw-r--r--"));
      assertArrayEquals(EndlessWriter.LONG, Files.readAllBytes(file));
    }
  }

  private String readOutput() {
    try {
      return Files.readString(directory.resolve("output"));
    } catch (IOException e) {
      return e.toString();
    }
  }

  @Test
  void showsAReaderAWholeFileWhileItIsReplacedAndWhenTheWriterIsKilled() throws Exception {
    Path file = directory.resolve("subnet.env");
    AtomicFile.replace(file, EndlessWriter.SHORT, PosixFilePermissions.fromString("rw-r--r--"));
    var process = new ProcessBuilder(writer(file))
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("output").toFile())
        .start();
    try {
      long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
      while (System.nanoTime() < until) {
        assertWhole(file);
      }
      assertTrue(process.isAlive(), this::readOutput);
    } finally {
      assertEquals(KILLED, process.destroyForcibly().waitFor());
    }

    assertWhole(file);
  }
}
