package io.jaconet.flanneld;

import io.jaconet.testkit.KernelState;
import io.jaconet.testkit.crash.CrashScenario;
import io.jaconet.testkit.crash.JavaPrograms;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Kills of a host in one situation, all of which have to lead to the same state of the kernel. */
final class CrashHost implements CrashScenario {
  private final Situation situation;
  private final JavaPrograms programs;
  private final Path directory;
  private @Nullable KernelState expected;

  CrashHost(Situation situation, JavaPrograms programs, Path directory) {
    this.situation = situation;
    this.programs = programs;
    this.directory = directory;
  }

  Situation situation() {
    return situation;
  }

  JavaPrograms programs() {
    return programs;
  }

  @Override
  public String name() {
    return situation.name();
  }

  @Override
  public CrashWorld newWorld() throws Exception {
    return new CrashWorld(this, Files.createTempDirectory(directory, situation.name()));
  }

  /**
   * Returns what is wrong with {@code found}, all of ours in the kernel; empty if nothing is. The first run, in which nobody is killed,
   * says what there has to be besides the peers.
   */
  String trouble(KernelState found) {
    var wanted = expected;
    if (wanted != null) {
      return wanted.equals(found) ? "" : "the kernel is " + wanted.difference(found);
    }
    List<String> missing = new ArrayList<>(situation.entries());
    missing.removeIf(entry -> found.lines().stream().anyMatch(line -> line.startsWith(entry)));
    int neighbors = found.only(line -> line.contains("PERMANENT")).lines().size();
    if (!missing.isEmpty() || neighbors != situation.neighbors()) {
      return "the kernel has " + neighbors + " neighbors and not " + missing;
    }
    expected = found;
    return "";
  }
}
