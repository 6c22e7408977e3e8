package io.jaconet.iptables;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.NftablesEvents.Change;
import io.jaconet.net.IpFamily;
import java.io.IOException;

/** Writes rules in the one or the other way. Not thread-safe. */
interface RulesDriver {

  /**
   * What came of a comparison.
   *
   * @param mended what differed and is mended, in words
   * @param present how many of the wanted rules were there, in their places
   * @param masquerade the families whose masquerade rules were written
   */
  record Outcome(ImmutableList<String> mended, int present, ImmutableSet<IpFamily> masquerade) {}

  /** Returns how many rules {@code rules} are for this driver. */
  int count(HostRules rules);

  /** Compares the packet filter with {@code rules}, and writes what differs in one step for each table. */
  Outcome ensure(HostRules rules) throws IOException;

  /** Returns whether whoever changes our rules causes an event. */
  boolean isTold();

  /** Returns whether {@code change} may concern our rules. */
  boolean concerns(Change change);
}
