package io.jaconet.linux;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * How often an object may be mended. Somebody who breaks it again and again wants it otherwise, and a war helps nobody: after ten repairs
 * within a minute the object rests for a minute, then is mended once more, and if it does not stay so, rests twice as long, up to ten
 * minutes.
 *
 * <p>Confined to one thread.
 */
public final class RepairBudget {
  private static final int REPAIRS = 10;
  private static final long WINDOW_NANOS = Duration.ofMinutes(1).toNanos();
  private static final long LONGEST_REST_NANOS = Duration.ofMinutes(10).toNanos();
  private static final int MANY_OBJECTS = 1_000;

  private final LongSupplier nanoTime;
  private final InstantSource wallClock;
  private final Map<Object, Account> accounts = new HashMap<>();

  /** At how many accounts to look for those that are over. */
  private int many = MANY_OBJECTS;

  /** Creates a budget in which nothing is spent. */
  public RepairBudget() {
    this(System::nanoTime, InstantSource.system());
  }

  /** Creates a budget with clocks of a test's. */
  public RepairBudget(LongSupplier nanoTime, InstantSource wallClock) {
    this.nanoTime = nanoTime;
    this.wallClock = wallClock;
  }

  private static final class Account {
    long windowNanos;
    int repairs;
    long restNanos;
    long restEndNanos;
    Instant restEnd = Instant.MIN;

    boolean isResting(long nowNanos) {
      return restNanos > 0 && nowNanos - restEndNanos < 0;
    }

    /** Returns whether what was spent does not count any more. */
    boolean isOver(long nowNanos) {
      return nowNanos - Math.max(restEndNanos, windowNanos) > WINDOW_NANOS + restNanos;
    }
  }

  /** Takes one repair of {@code object}, which was made, from its budget. */
  public void spend(Object object) {
    long now = nanoTime.getAsLong();
    if (accounts.size() > many) {
      accounts.values().removeIf(account -> account.isOver(now));
      many = Math.max(MANY_OBJECTS, 2 * accounts.size());
    }
    var account = accounts.get(object);
    if (account == null || account.isOver(now)) {
      account = new Account();
      account.windowNanos = now;
      account.restEndNanos = now;
      accounts.put(object, account);
    }
    if (account.restNanos == 0 && now - account.windowNanos > WINDOW_NANOS) {
      account.windowNanos = now;
      account.repairs = 0;
    }
    account.repairs++;
    if (account.restNanos > 0 || account.repairs >= REPAIRS) {
      rest(account, now);
    }
  }

  private void rest(Account account, long now) {
    account.restNanos =
        account.restNanos == 0 ? WINDOW_NANOS : Math.min(2 * account.restNanos, LONGEST_REST_NANOS);
    account.restEndNanos = now + account.restNanos;
    account.restEnd =
        wallClock.instant().plusNanos(account.restNanos).truncatedTo(ChronoUnit.SECONDS);
  }

  /** Returns whether {@code object} is left as it is. */
  boolean isLeft(Object object) {
    return resting(object) != null;
  }

  private @Nullable Account resting(Object object) {
    var account = accounts.get(object);
    return account != null && account.isResting(nanoTime.getAsLong()) ? account : null;
  }

  /** Returns why {@code object} is left as it is, in words; empty if it may be mended. */
  public Optional<String> whyLeft(Object object) {
    var account = resting(object);
    return account == null
        ? Optional.empty()
        : Optional.of("mended " + account.repairs
            + " times and broken again each time, so it is left alone until " + account.restEnd
            + "; find out who changes it, with 'ip monitor' for example");
  }
}
