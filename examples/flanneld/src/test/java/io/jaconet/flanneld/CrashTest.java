package io.jaconet.flanneld;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.testkit.InNetworkNamespace;
import io.jaconet.testkit.crash.CrashCampaign;
import io.jaconet.testkit.crash.CrashPoint;
import io.jaconet.testkit.crash.JavaPrograms;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * I7, I8, T17, T23: a host that is killed anywhere is well after the next start, with the same subnet and MAC; nothing is left over, and
 * what forwarded before has forwarded all the time. The namespace only serves to skip this where none can be made.
 */
@InNetworkNamespace
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CrashTest {
  /**
   * How many points are tried in each round of the night: all, then some once more, more than 2,000 altogether. Threads overtake each
   * other differently each time.
   */
  private static final ImmutableList<Integer> NIGHTLY = ImmutableList.of(500, 50, 50);

  /** How many situations are tried each time. */
  private static final int SOME = 4;

  @TempDir
  private static Path directory;

  private final long seed = new Random().nextLong();
  private @Nullable JavaPrograms programs;

  @BeforeEach
  void needsStrace() {
    assumeTrue(CrashCampaign.isPossible(), "needs strace, and the right to trace a child");
  }

  /** Whatever is common to all tests is made by the first that is not skipped. */
  private JavaPrograms programs() throws Exception {
    var made = programs;
    if (made == null) {
      made = JavaPrograms.packedIn(directory, CrashTest.class);
      try (var world = new CrashHost(Situation.RULES_NFTABLES, made, directory).newWorld()) {
        world.archive();
      }
      programs = made;
    }
    return made;
  }

  private CrashCampaign campaign(Situation situation) throws Exception {
    return new CrashCampaign(
        new CrashHost(situation, programs(), directory),
        (name, point) ->
            "mvn test -pl examples/flanneld -am -Dtest=CrashTest#isWellAgainWhereverItIsKilled"
                + " -Dsurefire.failIfNoSpecifiedTests=false -Djaconet.crash=" + name + "@" + point);
  }

  /**
   * One crash, and that of the run that is counted, in some situations: all of them take their time. Or the one that
   * {@code -Djaconet.crash=SITUATION@POINT} names, to repeat it.
   */
  @Test
  void isWellAgainWhereverItIsKilled() throws Exception {
    var crash = System.getProperty("jaconet.crash", "");
    if (!crash.isEmpty()) {
      var words = crash.split("@", 2);
      System.out.println(crash + ": all well after "
          + campaign(Situation.valueOf(words[0])).crashAt(CrashPoint.parse(words[1])));
      return;
    }
    var situations = new ArrayList<>(List.of(Situation.values()));
    Collections.shuffle(situations, new Random(seed));
    for (var situation : situations.subList(0, SOME)) {
      System.out.println(campaign(situation).run(1, seed) + ", seed " + seed);
    }
  }

  @Tag("nightly")
  @ParameterizedTest
  @EnumSource
  void isWellAgainWhereverAtAllItIsKilled(Situation situation) throws Exception {
    for (int most : NIGHTLY) {
      System.out.println(campaign(situation).run(most, seed + most) + ", seed " + (seed + most));
    }
  }
}
