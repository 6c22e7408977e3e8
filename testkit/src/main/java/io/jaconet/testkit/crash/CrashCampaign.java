package io.jaconet.testkit.crash;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kills the process of a {@link CrashScenario} at its crash points, each in a world of its own. Which points there are is found out by a
 * run that nobody kills. Confined to one thread.
 */
public final class CrashCampaign {
  private static final Logger log = LoggerFactory.getLogger(CrashCampaign.class);

  private final CrashScenario scenario;
  private final BiFunction<String, CrashPoint, String> command;

  /**
   * Creates a campaign.
   *
   * @param command returns the command that repeats a crash, given the scenario's name and the point
   */
  public CrashCampaign(CrashScenario scenario, BiFunction<String, CrashPoint, String> command) {
    this.scenario = scenario;
    this.command = command;
  }

  /** Returns whether there is strace, and the right to trace a child. */
  public static boolean isPossible() {
    return Tracer.isPossible();
  }

  /**
   * What crashes led to.
   *
   * @param points how many points the scenario has
   * @param tried at how many of them the process was to be killed
   * @param killed how often that happened: in another run threads may overtake each other in another way, and the point not come. The
   *     process is killed at its end then
   * @param longestRecovery how long it took at most from the next start until all was well
   */
  public record Tally(
      String scenario, int points, int tried, int killed, Duration longestRecovery) {
    @Override
    public String toString() {
      return String.format(
          "%-24s %4d points, %4d tried, %4d killed there, all well after %.2f s at most",
          scenario, points, tried, killed, longestRecovery.toMillis() / 1000.0);
    }
  }

  /** How one crash went. */
  private record Crash(boolean there, Duration recovery) {}

  /**
   * Runs the process to its end, and checks that all is well after that crash as well.
   *
   * @return the crash points, each with the call as strace shows it
   */
  public ImmutableMap<CrashPoint, String> points() throws Exception {
    try (var world = scenario.newWorld()) {
      ImmutableMap<CrashPoint, String> calls;
      try (var victim = Victim.start(world);
          var tracer = Tracer.counting(victim.process())) {
        victim.run();
        calls = tracer.calls();
      }
      world.inspect();
      world.recover();
      return calls;
    }
  }

  /**
   * Kills at {@code most} points, chosen by {@code seed}, or at all if there are no more.
   *
   * @throws AssertionError if a crash led to something else than promised; the message tells of each, with a command that repeats it
   */
  public Tally run(int most, long seed) throws Exception {
    checkArgument(most >= 1, "at least one point has to be tried");
    var points = points();
    List<CrashPoint> chosen = new ArrayList<>(points.keySet());
    if (most < chosen.size()) {
      Collections.shuffle(chosen, new Random(seed));
      chosen = chosen.subList(0, most);
    }
    int killed = 0;
    var longest = Duration.ZERO;
    var failures = ImmutableList.<AssertionError>builder();
    for (var point : chosen) {
      try {
        var crash = crash(point);
        killed += crash.there ? 1 : 0;
        longest = crash.recovery.compareTo(longest) > 0 ? crash.recovery : longest;
        log.debug("{} at {}: {}", scenario.name(), point, crash);
      } catch (Exception | AssertionError e) {
        failures.add(failure(point, points.getOrDefault(point, ""), seed, e));
      }
    }
    throwAll(failures.build(), chosen.size());
    return new Tally(scenario.name(), points.size(), chosen.size(), killed, longest);
  }

  private void throwAll(ImmutableList<AssertionError> failures, int tried) {
    if (failures.isEmpty()) {
      return;
    }
    var all = new AssertionError(
        failures.size() + " of " + tried + " crashes of " + scenario.name() + ":\n"
            + failures.stream().map(AssertionError::getMessage).collect(Collectors.joining("\n")));
    failures.forEach(all::addSuppressed);
    throw all;
  }

  /**
   * Kills at one point.
   *
   * @return how long it took until all was well
   * @throws AssertionError if the crash led to something else than promised
   */
  public Duration crashAt(CrashPoint point) throws Exception {
    var text = points().getOrDefault(point, "a call that did not come in the run that was counted");
    try {
      return crash(point).recovery;
    } catch (Exception | AssertionError e) {
      throw failure(point, text, 0, e);
    }
  }

  private AssertionError failure(CrashPoint point, String text, long seed, Throwable cause) {
    return new AssertionError(
        scenario.name() + ", killed at " + point + " " + text + ", seed " + seed + ": " + cause
            + "\nrepeat it with: " + command.apply(scenario.name(), point),
        cause);
  }

  private Crash crash(CrashPoint point) throws Exception {
    try (var world = scenario.newWorld()) {
      boolean there;
      try (var victim = Victim.start(world);
          var tracer = Tracer.killing(victim.process(), point)) {
        there = victim.run();
        tracer.calls();
      }
      world.inspect();
      long start = System.nanoTime();
      world.recover();
      return new Crash(there, Duration.ofNanos(System.nanoTime() - start));
    }
  }
}
