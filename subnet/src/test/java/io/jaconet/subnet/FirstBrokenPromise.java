package io.jaconet.subnet;

import com.google.common.collect.ImmutableSet;
import java.util.stream.IntStream;

/** A program that runs episodes until one breaks a promise, and prints that and the number of the episode. */
final class FirstBrokenPromise {
  private FirstBrokenPromise() {}

  public static void main(String[] args) {
    var campaign = Shared.campaign();
    var steps = IntStream.rangeClosed(1, 100).boxed().collect(ImmutableSet.toImmutableSet());
    for (int seed = 1; seed <= Integer.parseInt(args[0]); seed++) {
      try {
        var unused = campaign.repeat(seed, steps);
      } catch (AssertionError broken) {
        var message = String.valueOf(broken.getMessage()).replaceFirst("^after PT[0-9A-Z.]*: ", "");
        System.out.println(message
                .lines()
                .findFirst()
                .orElse("")
                .replaceAll("NetworkState.phase=([A-Z]*)[^]]*.", "$1")
            + " | " + seed);
        return;
      }
    }
  }
}
