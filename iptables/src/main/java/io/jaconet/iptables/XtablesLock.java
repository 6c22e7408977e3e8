package io.jaconet.iptables;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** The lock that all iptables of the legacy flavour on a machine take while they change a table. */
final class XtablesLock {
  private static final Path FILE = Path.of("/run/xtables.lock");
  private static final Path LOCKS = Path.of("/proc/locks");
  private static final int PID = 4;
  private static final int FILE_ID = 5;

  private XtablesLock() {}

  /** Returns which process holds the lock now; empty if none does, or if this machine does not tell. */
  static Optional<String> holder() {
    try {
      var inode = ":" + Objects.requireNonNull(Files.getAttribute(FILE, "unix:ino"));
      for (var line : Files.readAllLines(LOCKS)) {
        // "3: FLOCK  ADVISORY  WRITE 4711 fe:00:123 0 EOF"; those who wait have "->" as their
        // second
        // word.
        List<String> words = Splitter.on(' ').omitEmptyStrings().splitToList(line);
        if (words.size() > FILE_ID
            && words.get(1).equals("FLOCK")
            && words.get(FILE_ID).endsWith(inode)) {
          return Optional.of(describe(words.get(PID)));
        }
      }
      return Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static String describe(String pid) {
    try {
      var name = Files.readString(Path.of("/proc", pid, "comm")).strip();
      return "process " + pid + " (" + name + ")";
    } catch (IOException e) {
      return "process " + pid;
    }
  }
}
