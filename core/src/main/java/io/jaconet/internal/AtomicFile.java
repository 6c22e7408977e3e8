package io.jaconet.internal;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import com.google.common.io.ByteStreams;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.UUID;

/**
 * Files that are always whole: a reader finds the old content or the new, also after a crash of the process or the machine at any moment.
 * For Linux file systems.
 */
public final class AtomicFile {
  /** Long after any writer that still lives would have renamed its file. */
  private static final Duration ABANDONED_AFTER = Duration.ofMinutes(10);

  private AtomicFile() {}

  /**
   * Replaces {@code file} by one with {@code content}, and returns when that is on disk. Missing directories are made with mode 0755. A
   * symbolic link is replaced itself, not what it points to.
   *
   * @param mode the permissions of a new file, whatever the umask; an existing one's stay
   * @throws IOException if that failed; the old content is still there, and nothing else is left behind
   */
  public static void replace(Path file, byte[] content, Set<PosixFilePermission> mode) throws IOException {
    Path absolute = file.toAbsolutePath();
    Path directory = absolute.getParent();
    if (directory == null) {
      throw new FileAlreadyExistsException(file.toString(), null, "is a directory");
    }
    Files.createDirectories(directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    removeAbandoned(directory, absolute);
    Path unfinished = directory.resolve(unfinishedPrefix(absolute) + UUID.randomUUID());
    try {
      write(unfinished, content, existingMode(absolute, mode));
      Files.move(unfinished, absolute, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      try {
        Files.deleteIfExists(unfinished);
      } catch (IOException undo) {
        e.addSuppressed(undo);
      }
      throw e;
    }
    sync(directory);
  }

  private static void write(Path file, byte[] content, Set<PosixFilePermission> mode) throws IOException {
    var onlyOurs = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    try (var channel = FileChannel.open(file, Set.of(WRITE, CREATE_NEW), onlyOurs)) {
      var remaining = ByteBuffer.wrap(content);
      while (remaining.hasRemaining()) {
        channel.write(remaining);
      }
      Files.setPosixFilePermissions(file, mode);
      channel.force(true);
    }
  }

  private static Set<PosixFilePermission> existingMode(Path file, Set<PosixFilePermission> absent) throws IOException {
    return Files.isRegularFile(file, NOFOLLOW_LINKS) ? Files.getPosixFilePermissions(file, NOFOLLOW_LINKS) : absent;
  }

  /** A rename is on disk only when its directory is. */
  private static void sync(Path directory) throws IOException {
    try (var channel = FileChannel.open(directory, READ)) {
      channel.force(true);
    }
  }

  private static String unfinishedPrefix(Path file) {
    return "." + file.getFileName() + ".new-";
  }

  /** Removes what writers of {@code file} left that were killed before they could rename it. */
  private static void removeAbandoned(Path directory, Path file) throws IOException {
    String prefix = unfinishedPrefix(file);
    Instant limit = Instant.now().minus(ABANDONED_AFTER);
    try (var siblings = Files.newDirectoryStream(directory, path -> path.getFileName().toString().startsWith(prefix))) {
      for (Path sibling : siblings) {
        if (Files.getLastModifiedTime(sibling, NOFOLLOW_LINKS).toInstant().isBefore(limit)) {
          Files.deleteIfExists(sibling);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  /**
   * Returns the content of {@code file}, provided that it is a regular file, belongs to this user or root, and is not larger than
   * {@code maxBytes}. Does not wait, not for a named pipe either.
   *
   * @throws java.nio.file.NoSuchFileException if there is no file
   * @throws IOException if the file is not like that, or cannot be read; the message says why
   */
  public static byte[] read(Path file, int maxBytes) throws IOException {
    var attributes = Files.readAttributes(file, PosixFileAttributes.class, NOFOLLOW_LINKS);
    if (!attributes.isRegularFile()) {
      throw new IOException(file + " is " + kind(attributes) + ", not a file");
    }
    int owner = uid(file);
    if (owner != 0 && owner != uid(Path.of("/proc/self"))) {
      throw new IOException(file + " belongs to user " + owner + ", neither this user nor root");
    }
    try (var channel = Files.newByteChannel(file, Set.of(READ, NOFOLLOW_LINKS))) {
      byte[] content = ByteStreams.limit(Channels.newInputStream(channel), maxBytes + 1L).readAllBytes();
      if (content.length > maxBytes) {
        throw new IOException(file + " is larger than " + maxBytes + " bytes");
      }
      return content;
    }
  }

  private static String kind(PosixFileAttributes attributes) {
    if (attributes.isSymbolicLink()) {
      return "a symbolic link";
    }
    return attributes.isDirectory() ? "a directory" : "a pipe, socket or device";
  }

  private static int uid(Path file) throws IOException {
    return (Integer) Files.getAttribute(file, "unix:uid", NOFOLLOW_LINKS);
  }
}
