package io.jaconet.examples.lab;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import io.jaconet.testkit.Fabric;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * What a lab keeps beside its namespaces: a directory that is locked as long as it runs, so that others see which labs live and which
 * left their namespaces behind. In it are the leases of a lab that is held.
 */
final class RunDirectory implements AutoCloseable {
  private static final Path ALL = Path.of("/run/jaconet-lab");

  private final Path directory;
  private final FileChannel lock;
  private final @Nullable String held;

  private RunDirectory(Path directory, FileChannel lock, @Nullable String held) {
    this.directory = directory;
    this.lock = lock;
    this.held = held;
  }

  /**
   * Makes the directory of {@code prefix}, or takes over that of a lab that has died. What that lab left besides is removed, unless it was
   * held. Namespaces of such names that no lab has made are left alone.
   *
   * @throws IOException if a lab of this prefix is running; says which process it is
   */
  static RunDirectory claim(String prefix) throws IOException {
    var directory = ALL.resolve(prefix);
    while (true) {
      boolean left = Files.exists(directory);
      Files.createDirectories(directory);
      RunDirectory claimed;
      try {
        claimed = tryLock(directory);
      } catch (IOException e) {
        if (!left) {
          MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
        }
        throw e;
      }
      if (claimed == null) {
        throw new IOException("a lab of the prefix '" + prefix + "' is running, as process "
            + Files.readString(lockFile(directory)).strip()
            + "; end it or choose another --prefix");
      }
      // It may have been removed by its last owner between opening and locking.
      if (Files.exists(lockFile(directory))) {
        if (left && claimed.held() == null) {
          Fabric.removeLeftovers(prefix + "-");
        }
        return claimed;
      }
      claimed.lock.close();
    }
  }

  private static Path lockFile(Path directory) {
    return directory.resolve("lock");
  }

  private static @Nullable RunDirectory tryLock(Path directory) throws IOException {
    var channel =
        FileChannel.open(lockFile(directory), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      if (channel.tryLock() != null) {
        var held = heldFile(directory);
        channel.truncate(0);
        channel.write(ByteBuffer.wrap((ProcessHandle.current().pid() + "\n").getBytes(UTF_8)));
        return new RunDirectory(
            directory, channel, Files.exists(held) ? Files.readString(held) : null);
      }
    } catch (OverlappingFileLockException e) {
      // A lab of this very process has it, which is an answer like any other.
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
    channel.close();
    return null;
  }

  /**
   * Removes what labs left that have died: namespaces and directories.
   *
   * @return the names of the namespaces that were removed
   */
  static ImmutableList<String> removeLeftovers() throws IOException {
    var removed = ImmutableList.<String>builder();
    if (Files.isDirectory(ALL)) {
      try (var directories = Files.newDirectoryStream(ALL)) {
        for (var directory : directories) {
          try (var dead = tryLock(directory)) {
            if (dead != null) {
              removed.addAll(Fabric.removeLeftovers(directory.getFileName() + "-"));
              dead.remove();
            }
          }
        }
      }
    }
    return removed.build();
  }

  /** Returns the directory of the leases of a lab that is held. */
  Path leases() {
    return directory.resolve("leases");
  }

  /** Returns what hosts and which network a lab that was held and killed has left, null without one. */
  @Nullable
  String held() {
    return held;
  }

  /** Writes down what hosts and which network are held from now on, for the next one that claims the directory. */
  void hold(String what) throws IOException {
    Files.writeString(heldFile(directory), what);
  }

  /** Removes the leases. */
  void forgetLeases() throws IOException {
    if (Files.exists(leases())) {
      MoreFiles.deleteRecursively(leases(), RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }

  private static Path heldFile(Path directory) {
    return directory.resolve("held");
  }

  /** Removes the directory with all that is in it. */
  void remove() throws IOException {
    MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
  }

  /** Lets go of the directory, without removing it. */
  @Override
  public void close() throws IOException {
    lock.close();
  }
}
