package io.jaconet.testkit.crash;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.jaconet.testkit.crash.CrashScenario.World;
import java.io.BufferedReader;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The process that is killed, and what it printed. */
final class Victim implements AutoCloseable {
  private static final Duration LONGEST_RUN = Duration.ofSeconds(60);
  private static final int KILLED = 128 + 9;

  private final World world;
  private final Process process;
  private final BufferedReader reader;
  private final List<String> output = new ArrayList<>();
  private volatile boolean tooSlow;

  private Victim(World world, Process process) {
    this.world = world;
    this.process = process;
    this.reader = process.inputReader(UTF_8);
  }

  /**
   * Starts it, and returns when it is at the barrier.
   *
   * @throws IOException if it ends before
   */
  static Victim start(World world) throws IOException {
    var victim = new Victim(world, world.start());
    Executor later =
        CompletableFuture.delayedExecutor(LONGEST_RUN.toMillis(), TimeUnit.MILLISECONDS);
    later.execute(victim::giveUp);
    for (var line = victim.readLine(); line != null; line = victim.readLine()) {
      if (line.equals(CrashBarrier.REACHED)) {
        return victim;
      }
    }
    throw new IOException("the process ended before it came to the barrier" + victim);
  }

  private void giveUp() {
    if (process.isAlive()) {
      tooSlow = true;
      kill();
    }
  }

  /** Not by way of the process, which would close its output, of which something may be left to read. */
  private void kill() {
    process.toHandle().destroyForcibly();
  }

  private @Nullable String readLine() throws IOException {
    var line = reader.readLine();
    if (line != null) {
      output.add(line);
    }
    return line;
  }

  Process process() {
    return process;
  }

  /**
   * Lets it pass the barrier, and returns when it is dead.
   *
   * @return whether it was killed before it had done what it should
   * @throws IOException if it fails, or runs for too long
   */
  boolean run() throws Exception {
    world.disturb();
    try (var input = process.getOutputStream()) {
      input.write('\n');
    } catch (IOException e) {
      // What happened to it was enough, and it is dead.
    }
    boolean done = false;
    for (var line = readLine(); line != null; line = readLine()) {
      if (world.isDone(line) && !done) {
        done = true;
        kill();
      }
    }
    int status = process.waitFor();
    if (tooSlow) {
      throw new IOException(
          "the process has not done what it should after " + LONGEST_RUN.toSeconds() + " s" + this);
    }
    if (status != 0 && status != KILLED) {
      throw new IOException("the process ended with status " + status + this);
    }
    return status == KILLED && !done;
  }

  /** Kills it if it lives. */
  @Override
  public void close() {
    process.destroyForcibly();
  }

  @Override
  public String toString() {
    return output.isEmpty() ? "" : ", having printed:\n" + String.join("\n", output);
  }
}
