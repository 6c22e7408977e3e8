package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.Backend;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What was written on one occasion, and what of it mended what others had changed. Confined to one thread. */
public final class Mending {
  private final @Nullable RepairBudget budget;
  private final Map<Subnets, String> pending = new HashMap<>();
  private final ImmutableList.Builder<Backend.Repair> repairs = ImmutableList.builder();
  private @Nullable String trouble;
  private int writes;
  private boolean repaired;
  private boolean retry;

  private Mending(@Nullable RepairBudget budget) {
    this.budget = budget;
  }

  /** Begins one in which nothing was there before: what is written is no repair. */
  public static Mending ofNew() {
    return new Mending(null);
  }

  /** Begins one in which everything was as it should be before, so that what is written is a repair, of which there may be so many. */
  public static Mending of(RepairBudget budget) {
    return new Mending(budget);
  }

  /** Writes to the kernel. */
  public interface Write {
    void run() throws IOException;
  }

  /**
   * Mends an object, unless it was mended too often.
   *
   * @param object its name
   * @param expected how it should be, empty if it should not be there
   * @param found how it is, empty if it is not there
   * @return whether it is mended
   */
  public boolean mend(String object, String expected, String found, Write write)
      throws IOException {
    var whyLeft = budget == null ? Optional.<String>empty() : budget.whyLeft(object);
    if (whyLeft.isPresent()) {
      trouble = object + " was " + whyLeft.get();
      return false;
    }
    write.run();
    writes++;
    if (budget != null) {
      // What could not be written was not undone by anybody.
      budget.spend(object);
    }
    addRepair(object, expected, found);
    return true;
  }

  /** Adds a repair whose writes are counted already, unless this is of something new. */
  public void addRepair(String object, String expected, String found) {
    if (budget != null) {
      repaired = true;
      repairs.add(new Backend.Repair(object, expected, found));
    }
  }

  /** Returns whether something was mended so far. */
  public boolean hasRepairs() {
    return repaired;
  }

  /** Adds what came of a table of peers. */
  public void add(PeerTable.Outcome outcome) {
    outcome.pending().forEach(pending::putIfAbsent);
    if (outcome.trouble() != null) {
      trouble = outcome.trouble();
    }
    writes += outcome.writes();
    retry |= outcome.retry();
    repaired |= !outcome.repairs().isEmpty();
    repairs.addAll(outcome.repairs());
  }

  /** Adds writes that mend nothing. */
  public void addWrites(int count) {
    writes += count;
  }

  /** Returns how much was written so far. */
  public int writes() {
    return writes;
  }

  /** Returns all of it. */
  public Backend.Report toReport(boolean underlayChanged) {
    return new Backend.Report(
        ImmutableMap.copyOf(pending), trouble, writes, repairs.build(), retry, underlayChanged);
  }
}
