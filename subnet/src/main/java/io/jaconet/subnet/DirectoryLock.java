package io.jaconet.subnet;

import com.google.common.collect.ImmutableSet;
import io.jaconet.internal.AtomicFile;
import io.jaconet.internal.Printable;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The lock on a directory: one process has it, others are told which. It goes with the process, however that ends.
 *
 * <p>The kernel's lock is on the file {@code lock}; who has it stands in the file {@code holder} beside it. They are two because a process
 * that closes a file loses its locks on it, even if it had opened the file only to read who holds the lock.
 */
final class DirectoryLock implements Closeable {
  private static final int MAX_HOLDER_BYTES = 1024;
  private static final ImmutableSet<PosixFilePermission> MODE =
      ImmutableSet.copyOf(PosixFilePermissions.fromString("rw-r-----"));

  private final Path holderFile;
  private final FileChannel channel;

  private DirectoryLock(Path holderFile, FileChannel channel) {
    this.holderFile = holderFile;
    this.channel = channel;
  }

  /** Who holds the lock: a process id may come back, in a container even at once, but not with the same moment of start. */
  private record Holder(String pid, String started, String since) {

    static Holder self(Instant now) {
      var process = ProcessHandle.current();
      var started = process.info().startInstant().orElse(Instant.EPOCH);
      return new Holder(Long.toString(process.pid()), started.toString(), now.toString());
    }

    static @Nullable Holder parse(String line) {
      var fields = line.strip().split(" ", -1);
      return fields.length == 3 ? new Holder(fields[0], fields[1], fields[2]) : null;
    }

    boolean sameProcess(Holder other) {
      return pid.equals(other.pid) && started.equals(other.started);
    }

    String line() {
      return pid + " " + started + " " + since + "\n";
    }
  }

  /**
   * Takes the lock of {@code directory}.
   *
   * @throws IOException if another store has it, in this process or another; the message names the process and since when
   */
  static DirectoryLock take(Path directory, Instant now) throws IOException {
    var holderFile = directory.resolve("holder");
    // Between looking at the holder and locking no other thread may do the same: whichever loses
    // closes the file, and its lock is gone.
    synchronized (DirectoryLock.class) {
      var self = Holder.self(now);
      var holder = read(holderFile);
      if (holder != null && holder.sameProcess(self)) {
        throw inUse(directory, holder);
      }
      var channel = open(directory.resolve("lock"));
      try {
        if (tryLock(channel) == null) {
          throw inUse(directory, read(holderFile));
        }
        AtomicFile.replace(holderFile, self.line().getBytes(StandardCharsets.ISO_8859_1), MODE);
        return new DirectoryLock(holderFile, channel);
      } catch (IOException e) {
        channel.close();
        throw e;
      }
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException heldByThisProcess) {
      return null;
    }
  }

  private static FileChannel open(Path file) throws IOException {
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)
        && !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(file + " is not a regular file; remove it and try again");
    }
    // For reading, too: if it became a pipe meanwhile, opening it for both does not wait.
    return FileChannel.open(
        file,
        ImmutableSet.of(
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS),
        PosixFilePermissions.asFileAttribute(MODE));
  }

  private static @Nullable Holder read(Path holderFile) {
    try {
      return Holder.parse(
          new String(AtomicFile.read(holderFile, MAX_HOLDER_BYTES), StandardCharsets.ISO_8859_1));
    } catch (IOException absentOrForeign) {
      return null;
    }
  }

  private static IOException inUse(Path directory, @Nullable Holder holder) {
    var who = holder == null
        ? "another process"
        : "process " + Printable.of(holder.pid) + " since " + Printable.of(holder.since);
    return new IOException("the lease store " + directory + " is in use by " + who
        + "; one store at a time may have it: share that one, stop it, or name"
        + " another directory");
  }

  @Override
  public void close() throws IOException {
    try {
      Files.deleteIfExists(holderFile);
    } finally {
      channel.close();
    }
  }
}
