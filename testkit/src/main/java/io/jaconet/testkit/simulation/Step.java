package io.jaconet.testkit.simulation;

import com.google.common.collect.ImmutableList;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.SplittableRandom;

/**
 * Something that happens in an episode.
 *
 * @param number its number in the episode's whole schedule
 * @param at when, counted from the start of the episode
 * @param host whom it happens to, counted from 1
 * @param lasts after how long it is undone, where it can be
 */
record Step(int number, Duration at, Fault fault, int host, Duration lasts, long choice) {

  /** Returns the schedule of an episode, in the order of time. Everything that can be undone is undone before {@code end}. */
  static ImmutableList<Step> schedule(
      SplittableRandom random, int steps, int hosts, Duration leaseTtl, Duration end) {
    var faults = Fault.values();
    long episodeMillis = end.minus(leaseTtl).toMillis();
    var times = new ArrayList<Duration>();
    for (int i = 0; i < steps; i++) {
      times.add(Duration.ofMillis(random.nextLong(episodeMillis)));
    }
    times.sort(Comparator.naturalOrder());
    var schedule = ImmutableList.<Step>builderWithExpectedSize(steps);
    for (int i = 0; i < steps; i++) {
      // Troubles that are over before anyone notices, and such that outlast a lease.
      var longest = switch (random.nextInt(3)) {
        case 0 -> Duration.ofSeconds(3);
        case 1 -> leaseTtl.dividedBy(2);
        default -> leaseTtl.multipliedBy(2);
      };
      schedule.add(new Step(
          i + 1,
          times.get(i),
          faults[random.nextInt(faults.length)],
          1 + random.nextInt(hosts),
          Duration.ofMillis(Math.min(
              1 + random.nextLong(longest.toMillis()), end.minus(times.get(i)).toMillis() - 1)),
          random.nextLong()));
    }
    return schedule.build();
  }

  @Override
  public String toString() {
    return String.format(
        "%3d. after %8.3f s: %-18s host-%d, for %.3f s",
        number, at.toMillis() / 1000.0, fault, host, lasts.toMillis() / 1000.0);
  }
}
