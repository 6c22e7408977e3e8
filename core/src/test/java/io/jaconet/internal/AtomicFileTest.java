package io.jaconet.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  private static final Set<PosixFilePermission> MODE = PosixFilePermissions.fromString("rw-r--r--");
  private static final byte[] OLD = "old".getBytes(StandardCharsets.UTF_8);
  private static final byte[] NEW = "new".getBytes(StandardCharsets.UTF_8);

  @TempDir
  private Path directory;

  private List<String> names() throws IOException {
    try (var files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static String mode(Path file) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }

  @Test
  void makesAFileAndItsDirectories() throws IOException {
    Path file = directory.resolve("a/b/subnet.env");

    AtomicFile.replace(file, NEW, MODE);

    assertArrayEquals(NEW, AtomicFile.read(file, 3));
    assertEquals("rw-r--r--", mode(file));
    assertEquals("rwxr-xr-x", mode(directory.resolve("a")));
  }

  @Test
  void replacesAFileAndKeepsItsMode() throws IOException {
    Path file = directory.resolve("subnet.env");
    AtomicFile.replace(file, OLD, PosixFilePermissions.fromString("rw-rw----"));

    AtomicFile.replace(file, NEW, MODE);

    assertArrayEquals(NEW, Files.readAllBytes(file));
    assertEquals("rw-rw----", mode(file));
    assertEquals(List.of("subnet.env"), names());
  }

  @Test
  void leavesNothingBehindWhenItFails() throws IOException {
    Path file = directory.resolve("subnet.env");
    Files.createDirectories(file.resolve("occupied"));

    assertThrows(IOException.class, () -> AtomicFile.replace(file, NEW, MODE));

    assertEquals(List.of("subnet.env"), names());
  }

  @Test
  void replacesASymbolicLinkItself() throws IOException {
    Path target = Files.write(directory.resolve("target"), OLD);
    Path link = Files.createSymbolicLink(directory.resolve("subnet.env"), target);

    AtomicFile.replace(link, NEW, MODE);

    assertArrayEquals(OLD, Files.readAllBytes(target));
    assertArrayEquals(NEW, AtomicFile.read(link, 3));
  }

  @Test
  void removesWhatKilledWritersLeftOnceThatIsOld() throws IOException {
    Path file = directory.resolve("subnet.env");
    Path old = Files.write(directory.resolve(".subnet.env.new-1"), OLD);
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofHours(1))));
    Files.write(directory.resolve(".subnet.env.new-2"), OLD);

    AtomicFile.replace(file, NEW, MODE);

    assertEquals(List.of(".subnet.env.new-2", "subnet.env"), names());
  }

  @Test
  void saysThatThereIsNoFile() {
    assertThrows(
        NoSuchFileException.class, () -> AtomicFile.read(directory.resolve("subnet.env"), 3));
  }

  @Test
  void readsNoMoreThanItsLimit() throws IOException {
    Path file = Files.write(directory.resolve("subnet.env"), new byte[4]);

    var refusal = assertThrows(IOException.class, () -> AtomicFile.read(file, 3));

    assertEquals(file + " is larger than 3 bytes", refusal.getMessage());
  }

  @Test
  void readsNoSymbolicLinkAndNoDirectory() throws IOException {
    Path link = Files.createSymbolicLink(
        directory.resolve("link"), Files.write(directory.resolve("target"), OLD));

    assertEquals(
        link + " is a symbolic link, not a file",
        assertThrows(IOException.class, () -> AtomicFile.read(link, 3)).getMessage());
    assertEquals(
        directory + " is a directory, not a file",
        assertThrows(IOException.class, () -> AtomicFile.read(directory, 3)).getMessage());
  }

  @Test
  void doesNotWaitForAPipeOrADevice() throws Exception {
    Path pipe = directory.resolve("pipe");
    assertEquals(
        0, new ProcessBuilder("mkfifo", pipe.toString()).inheritIO().start().waitFor());

    for (Path file : List.of(pipe, Path.of("/dev/zero"))) {
      var refusal = assertTimeoutPreemptively(
          Duration.ofSeconds(10),
          () -> assertThrows(IOException.class, () -> AtomicFile.read(file, 3)));

      assertEquals(file + " is a pipe, socket or device, not a file", refusal.getMessage());
    }
  }

  @Test
  void readsNoFileOfAnotherUser() throws IOException {
    Path file = Files.write(directory.resolve("subnet.env"), OLD);
    boolean givenAway = giveAway(file);
    assumeTrue(givenAway, "only root can give a file away");

    var refusal = assertThrows(IOException.class, () -> AtomicFile.read(file, 3));

    assertEquals(file + " belongs to user 12345, neither this user nor root", refusal.getMessage());
  }

  private static boolean giveAway(Path file) {
    try {
      Files.setAttribute(file, "unix:uid", 12345);
      return true;
    } catch (IOException e) {
      return false;
    }
  }
}
