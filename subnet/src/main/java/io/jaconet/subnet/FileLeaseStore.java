package io.jaconet.subnet;

import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import org.jspecify.annotations.Nullable;

/**
 * A lease store in a directory of this host, for the networks of one process: it survives the end of the process, however sudden, with
 * each write either whole or absent. Leases end by the wall clock, also while no process runs. All records are held in memory; a write
 * adds a line to a file and waits until it is on the disk.
 *
 * <p>One store at a time may have the directory. Watches do not survive a restart: one that goes on from a revision of an earlier run
 * fails, and its caller lists anew.
 */
public final class FileLeaseStore implements LeaseStore {
  private static final int SLACK_LINES = 1000;

  private final InMemoryLeaseStore records;

  private FileLeaseStore(InMemoryLeaseStore records) {
    this.records = records;
  }

  /**
   * Opens the store in {@code directory}, which is made if it is missing (mode 0750).
   *
   * @throws IOException if another process has it open, which the message names; or if what is in it cannot be read. It is left untouched
   *     then, and the message names the file, what is wrong and what to do
   */
  public static FileLeaseStore open(Path directory) throws IOException {
    return open(directory, InstantSource.system(), SLACK_LINES);
  }

  static FileLeaseStore open(Path directory, InstantSource wallClock, int slackLines)
      throws IOException {
    createDirectory(directory);
    var lock = DirectoryLock.take(directory, wallClock.instant());
    try {
      var table = new RecordTable();
      var log = LeaseLog.open(directory.resolve("leases"), table, slackLines);
      var clock = StoreClock.withThreads(() -> nanos(wallClock.instant()), "jaconet-lease-file");
      return new FileLeaseStore(new InMemoryLeaseStore(table, new LockedLog(log, lock), clock));
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  private static void createDirectory(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      Files.createDirectories(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-x---")));
    }
  }

  private static long nanos(Instant instant) {
    return Math.addExact(
        Math.multiplyExact(instant.getEpochSecond(), 1_000_000_000L), instant.getNano());
  }

  @Override
  public Snapshot list() throws IOException {
    return records.list();
  }

  @Override
  public Entry create(Subnets subnets, String value, String holder, @Nullable Duration timeToLive)
      throws IOException {
    return records.create(subnets, value, holder, timeToLive);
  }

  @Override
  public Entry update(Entry expected, String value, String holder, @Nullable Duration timeToLive)
      throws IOException {
    return records.update(expected, value, holder, timeToLive);
  }

  @Override
  public void delete(Entry expected) throws IOException {
    records.delete(expected);
  }

  /** Writes a record whatever is there and under any key, as {@link InMemoryLeaseStore#overwrite}. */
  Entry overwrite(String key, String value, @Nullable Duration timeToLive) throws IOException {
    return records.overwrite(key, value, timeToLive);
  }

  @Override
  public Watch watch(long revision, Watcher watcher) throws IOException {
    return records.watch(revision, watcher);
  }

  /** Ends all watches, unless called by a watcher waits for calls of watchers that are under way, and gives the directory free. */
  @Override
  public void close() throws IOException {
    records.close();
  }

  /** A log that gives its directory free when it is closed. */
  private record LockedLog(LeaseLog log, DirectoryLock lock) implements Journal {
    @Override
    public void append(RecordTable.Change change, RecordTable table) throws IOException {
      log.append(change, table);
    }

    @Override
    public void close() throws IOException {
      try {
        log.close();
      } finally {
        lock.close();
      }
    }
  }
}
