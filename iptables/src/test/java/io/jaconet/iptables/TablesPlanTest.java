package io.jaconet.iptables;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class TablesPlanTest {
  private static final HostRules RULES = HostRules.of(Traffic.v4("10.244.1.0/24"), true, null);
  private static final String OURS = """
      *nat
      :POSTROUTING ACCEPT [0:0]
      :FLANNEL-POSTRTG - [0:0]
      -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
      -A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
      -A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
      -A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
      -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
      -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
      -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
      COMMIT
      *filter
      :FORWARD DROP [0:0]
      :FLANNEL-FWD - [0:0]
      -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
      -A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
      -A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
      COMMIT
      """;
  private static final String JUMP =
      "-A FORWARD -m comment --comment \"flanneld forward\" -j FLANNEL-FWD\n";

  private static TablesPlan plan(String saved) {
    return plan(saved, RULES);
  }

  private static TablesPlan plan(String saved, HostRules rules) {
    return TablesPlan.of(SavedTables.parse(saved), rules, IpFamily.V4, new ReadBack<>());
  }

  @Test
  void nothingIsWrittenWhereAllIsAsWanted() {
    var plan = plan(OURS);

    assertEquals("", plan.restore());
    assertEquals(10, plan.present());
  }

  @Test
  void aChainIsFlushedAndFilledInOneTransaction() {
    var plan = plan(OURS.replaceFirst("-A FLANNEL-FWD -s [^\\n]*\\n", ""));

    assertEquals("""
        *filter
        :FLANNEL-FWD - [0:0]
        -A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
        -A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
        COMMIT
        """, plan.restore());
    assertEquals(9, plan.present());
  }

  @Test
  void anotherOrderIsADifference() {
    var lines = OURS.lines().toList();
    var swapped = String.join("\n", lines)
        .replace(lines.get(7), "X")
        .replace(lines.get(8), lines.get(7))
        .replace("X", lines.get(8));

    assertTrue(
        plan(swapped).differences().get(0).endsWith("FLANNEL-POSTRTG were in another order"),
        plan(swapped).differences().toString());
  }

  @Test
  void jumpsTooManyAreReducedToOne() {
    var plan = plan(OURS.replace(JUMP, JUMP + "-A FORWARD -s 203.0.113.0/24 -j DROP\n" + JUMP));

    assertEquals("""
        *filter
        -D FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
        -D FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
        -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
        COMMIT
        """, plan.restore());
  }

  @Test
  void whatWouldDecideBeforeOursComesAfterThem() {
    for (var shadow : List.of(
        "-j DROP",
        "-j REJECT --reject-with icmp-host-prohibited",
        "-m comment --comment \"the end\" -j DROP",
        "-s 10.244.0.0/16 -j DROP",
        "-d 10.0.0.0/8 -j REJECT --reject-with icmp-port-unreachable")) {
      var before = "-A FORWARD -i docker0 -j DOCKER\n-A FORWARD " + shadow + "\n";

      var plan = plan(OURS.replace(JUMP, before + JUMP));

      assertTrue(
          plan.restore()
              .contains("-I FORWARD 2 -m comment --comment \"flanneld forward\" -j FLANNEL-FWD\n"),
          plan.restore());
      assertEquals("", plan(OURS.replace(JUMP, JUMP + before)).restore());
    }
  }

  @Test
  void aPolicyThatConcernsLessThanAllMayComeFirst() {
    for (var policy : List.of(
        "-s 10.244.1.7/32 -j DROP",
        "-p tcp -m tcp --dport 22 -j DROP",
        "! -s 10.244.0.0/16 -j DROP",
        "-s 10.244.0.0/16 -d 10.244.1.7/32 -j REJECT --reject-with icmp-port-unreachable",
        "-m conntrack --ctstate INVALID -j DROP",
        "-i eth0 -j DROP",
        "-j ACCEPT",
        "-j KUBE-FORWARD")) {
      assertEquals(
          "", plan(OURS.replace(JUMP, "-A FORWARD " + policy + "\n" + JUMP)).restore(), policy);
    }
  }

  @Test
  void removingTakesTheJumpFirstAndTheChainFromItsOwnTable() {
    var plan = plan(OURS, HostRules.NONE);

    assertEquals("""
        *nat
        -D POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
        -F FLANNEL-POSTRTG
        -X FLANNEL-POSTRTG
        COMMIT
        *filter
        -D FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
        -F FLANNEL-FWD
        -X FLANNEL-FWD
        COMMIT
        """, plan.restore());
  }

  @Test
  void anotherSpellingOfTheProgramIsAcceptedOnceWritingDoesNotHelp() {
    var spelled = SavedTables.parse(OURS.replace(" --random-fully", " --fully-random"));
    var readBack = new ReadBack<ImmutableList<Rule>>();
    int writes = 0;
    while (!TablesPlan.of(spelled, RULES, IpFamily.V4, readBack).restore().isEmpty()) {
      readBack.wrote();
      writes++;
    }

    assertTrue(writes >= 3 && writes <= 5, "writes: " + writes);
    var damaged = SavedTables.parse(OURS.replace("! -d 224", "! -s 224"));
    assertFalse(TablesPlan.of(damaged, RULES, IpFamily.V4, readBack).restore().isEmpty());
  }

  @Test
  void damageThatCannotBeMendedForAWhileIsNeverAccepted() {
    var damaged = SavedTables.parse(OURS.replace("! -d 224", "! -s 224"));
    var readBack = new ReadBack<ImmutableList<Rule>>();

    for (int failedWrite = 0; failedWrite < 20; failedWrite++) {
      assertFalse(TablesPlan.of(damaged, RULES, IpFamily.V4, readBack).restore().isEmpty());
    }
  }

  @Test
  void wordsSurviveQuoting() {
    long seed = new Random().nextLong();
    var random = new Random(seed);
    for (int i = 0; i < 1_000; i++) {
      var words = random
          .ints(1 + random.nextInt(5), 0, 1_000)
          .mapToObj(n -> random
              .ints(n % 6, 0, 7)
              .mapToObj(c -> String.valueOf(" a\"'\\-é".charAt(c)))
              .collect(Collectors.joining()))
          .toList();
      var rule = new Rule(ImmutableList.copyOf(words));

      assertEquals(words, Rule.split(rule.toString()), "seed " + seed);
    }
  }

  @Test
  void garbageIsNobodysRule() {
    long seed = new Random().nextLong();
    var random = new Random(seed);
    for (int i = 0; i < 2_000; i++) {
      var garbage = random
          .ints(random.nextInt(60), 0, OURS.length())
          .mapToObj(at -> random.nextInt(4) == 0
              ? OURS.substring(at, Math.min(OURS.length(), at + 20))
              : String.valueOf(OURS.charAt(at)))
          .collect(Collectors.joining());

      var plan = plan(garbage);

      assertTrue(plan.present() <= 10, "seed " + seed + ": " + garbage);
    }
  }
}
