package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedSet;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;

/** The directory in which {@code ip netns} keeps namespaces: one file a name, bind-mounted from the namespace. */
final class NamespaceNames {
  private static final Path PARENT = Path.of("/run");
  private static final Path DIRECTORY = PARENT.resolve("netns");
  private static final ImmutableList<Path> DIRECTORIES =
      ImmutableList.of(DIRECTORY, Path.of("/var/run/netns"));

  private static final long MS_BIND = 0x1000;
  private static final long MS_REC = 0x4000;
  private static final long MS_SHARED = 1L << 20;
  private static final int MNT_DETACH = 2;
  private static final int O_DIRECTORY_CLOEXEC = 0x90000;
  private static final int LOCK_EX = 2;

  private NamespaceNames() {}

  static ImmutableSortedSet<String> list() throws IOException {
    var names = ImmutableSortedSet.<String>orderedBy(Comparator.naturalOrder());
    for (var directory : DIRECTORIES) {
      if (Files.isDirectory(directory)) {
        try (var files = Files.newDirectoryStream(directory)) {
          files.forEach(file -> names.add(file.getFileName().toString()));
        }
      }
    }
    return names.build();
  }

  static String listText() throws IOException {
    var names = list();
    return names.isEmpty() ? "none" : String.join(", ", names);
  }

  static Path find(String name) throws IOException {
    checkName(name);
    for (var directory : DIRECTORIES) {
      var file = directory.resolve(name);
      if (Files.exists(file)) {
        return file;
      }
    }
    throw new NoSuchFileException(
        DIRECTORY.resolve(name).toString(),
        null,
        "no network namespace has this name; there are: " + listText()
            + "; make it with `ip netns add " + name + "`");
  }

  private static void checkName(String name) {
    boolean plain = !name.isEmpty()
        && name.length() <= 200
        && name.chars().noneMatch(c -> c == '/' || c <= ' ');
    checkArgument(
        plain && !name.equals(".") && !name.equals(".."),
        "'%s' is not a name for a network namespace: 1 to 200 characters without slash or space",
        name);
  }

  /** Creates the file of a name, for {@link #bind}. */
  static Path reserve(String name) throws IOException {
    checkName(name);
    prepareDirectory();
    var file = DIRECTORY.resolve(name);
    try {
      return Files.createFile(file);
    } catch (FileAlreadyExistsException e) {
      throw withReason(
          e,
          file,
          "a network namespace of this name exists; remove it with `ip netns delete " + name + "`");
    }
  }

  private static synchronized void prepareDirectory() throws IOException {
    try {
      Files.createDirectories(DIRECTORY);
    } catch (AccessDeniedException e) {
      mountTmpfs(PARENT);
      Files.createDirectories(DIRECTORY);
    }
    if (!Files.isWritable(DIRECTORY)) {
      mountTmpfs(DIRECTORY);
    }
    share();
  }

  private static void mountTmpfs(Path target) throws IOException {
    try {
      SyscallException.check(
          "mount(tmpfs, " + target + ")",
          LibC.mount("tmpfs", target.toString(), "tmpfs", 0, "mode=755"));
    } catch (SyscallException e) {
      throw new IOException(
          "cannot name a network namespace: " + target
              + " is not writable, and mounting over it is not permitted"
              + " (run as root, or inside `unshare -Urnm`)",
          e);
    }
  }

  /**
   * Makes the directory a shared mount, so that a name appears and disappears in every mount namespace of the host. The lock,
   * which iproute2 takes as well, keeps two processes from stacking a mount each.
   */
  private static void share() throws IOException {
    var directory = DIRECTORY.toString();
    int lock = SyscallException.check(
        "open(" + directory + ")", LibC.open(directory, O_DIRECTORY_CLOEXEC, 0));
    try {
      SyscallException.check("flock(" + directory + ")", LibC.flock(lock, LOCK_EX));
      int shared = LibC.mount("", directory, "none", MS_SHARED | MS_REC, "");
      if (shared < 0 && LibC.errno() == Errno.EINVAL) {
        SyscallException.check(
            "mount(bind, " + directory + ")",
            LibC.mount(directory, directory, "none", MS_BIND | MS_REC, ""));
        shared = LibC.mount("", directory, "none", MS_SHARED | MS_REC, "");
      }
      SyscallException.check("mount(shared, " + directory + ")", shared);
    } finally {
      LibC.close(lock);
    }
  }

  static void bind(String namespaceFile, Path file) throws SyscallException {
    SyscallException.check(
        "mount(bind, " + file + ")",
        LibC.mount(namespaceFile, file.toString(), "none", MS_BIND, ""));
  }

  /** Removes {@code name}, unless it has come to mean another namespace. */
  static void removeIf(String name, NetworkNamespace.Identity identity) throws IOException {
    for (var directory : DIRECTORIES) {
      var file = directory.resolve(name);
      if (Files.exists(file) && NetworkNamespace.Identity.of(file).equals(identity)) {
        remove(file);
      }
    }
  }

  /** Removes the file of a name, mounted or not. */
  static void remove(Path file) throws IOException {
    if (LibC.umount2(file.toString(), MNT_DETACH) < 0) {
      int errno = LibC.errno();
      if (errno != Errno.EINVAL && errno != Errno.ENOENT) {
        throw new SyscallException("umount2(" + file + ")", errno);
      }
    }
    Files.deleteIfExists(file);
  }

  private static IOException withReason(FileSystemException cause, Path file, String reason) {
    var e = new FileSystemException(file.toString(), null, reason);
    e.initCause(cause);
    return e;
  }
}
