package io.jaconet.linux;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Finds out who has a UDP port, for an error message. */
final class UdpPortHolders {
  private static final Splitter COLUMNS =
      Splitter.onPattern("\\s+").trimResults().omitEmptyStrings();
  private static final int LOCAL_ADDRESS_COLUMN = 1;
  private static final int INODE_COLUMN = 9;

  private UdpPortHolders() {}

  /**
   * Returns the processes that have a socket on {@code port} in {@code namespace}, as {@code name (pid n)}. Empty if there are
   * none (a tunnel device of the kernel has no process) or if this process may not look at theirs.
   */
  static ImmutableList<String> processes(NetworkNamespace namespace, int port) throws IOException {
    var sockets = namespace.call(() -> Stream.of("udp", "udp6")
        .map(table -> Path.of("/proc/thread-self/net", table))
        .flatMap(table -> lines(table).stream())
        .collect(toImmutableSet()));
    var inodes = inodes(sockets, port);
    var holders = ImmutableList.<String>builder();
    if (!inodes.isEmpty()) {
      try (var processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
        for (var process : processes) {
          if (holdsAny(process, inodes)) {
            holders.add(String.join("", lines(process.resolve("comm"))) + " (pid "
                + process.getFileName() + ")");
          }
        }
      }
    }
    return holders.build();
  }

  /** Returns the inodes of the sockets on {@code port} in lines of {@code /proc/net/udp}. */
  static ImmutableSet<String> inodes(Iterable<String> lines, int port) {
    var suffix = String.format(":%04X", port);
    var inodes = ImmutableSet.<String>builder();
    for (var line : lines) {
      var columns = COLUMNS.splitToList(line);
      if (columns.size() > INODE_COLUMN && columns.get(LOCAL_ADDRESS_COLUMN).endsWith(suffix)) {
        inodes.add(columns.get(INODE_COLUMN));
      }
    }
    return inodes.build();
  }

  private static boolean holdsAny(Path process, ImmutableSet<String> inodes) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(process.resolve("fd"))) {
      for (var file : files) {
        var target = Files.readSymbolicLink(file).toString();
        if (target.startsWith("socket:[")
            && inodes.contains(target.substring(8, target.length() - 1))) {
          return true;
        }
      }
      return false;
    } catch (IOException | java.nio.file.DirectoryIteratorException goneOrForeign) {
      return false;
    }
  }

  private static ImmutableList<String> lines(Path file) {
    try {
      return ImmutableList.copyOf(Files.readAllLines(file));
    } catch (IOException absent) {
      return ImmutableList.of();
    }
  }
}
