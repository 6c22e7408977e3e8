package io.jaconet;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.Backoff;
import io.jaconet.event.EventLoop;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.PublicIpInUseException;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.SubnetManager;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Holds the own lease: acquires it, renews it in time, and says when it must not be used. The deadline counts from the moment at which the
 * request was <em>sent</em>, by the {@link WorseClock}: the store's own countdown began later, so nobody
 * else can have the subnet before it.
 *
 * <p>Confined to the network's event loop; calls to the store run on the I/O executor, one at a time.
 */
final class LeaseKeeper {
  private static final Duration FIRST_RETRY = Duration.ofMillis(200);
  private static final Duration LAST_RETRY = Duration.ofSeconds(10);

  /** While a machine is suspended its timers stand still: afterwards the wall clock has to be looked at soon. */
  private static final Duration LONGEST_CHECK = Duration.ofSeconds(1);

  private static final Duration LONGEST_GUARD = Duration.ofSeconds(10);

  /** Which part of the time until a renewal may be left out, so that hosts which came at one moment do not renew at one moment for ever. */
  private static final int SPREAD = 3;

  private final EventLoop loop;
  private final Executor io;
  private final SubnetManager subnetManager;
  private final @Nullable Duration renewMargin;
  private final Listener listener;
  private final Backoff backoff;
  private final Backoff untilJoined;
  private final WorseClock clock;
  private final RandomGenerator random;
  private LeaseRequest request;
  private @Nullable LeaseGrant grant;
  private long sentNanos;

  /** How long after that the lease is renewed; without end for a reservation. */
  private Duration renewal = Duration.ZERO;

  private boolean joined;
  private boolean fenced;
  private boolean busy;
  private boolean again;
  private boolean unanswered;
  private long notBeforeNanos;
  private boolean stopped;
  private EventLoop.@Nullable Timer timer;

  /** What the store has under our node id that is not the lease, as far as it is known not to be gone yet. */
  private final Map<Subnets, Lease> strays = new LinkedHashMap<>();

  private EventLoop.@Nullable Timer strayTimer;

  LeaseKeeper(
      EventLoop loop,
      Executor io,
      SubnetManager subnetManager,
      LeaseRequest request,
      @Nullable Duration renewMargin,
      RandomGenerator random,
      Listener listener) {
    this.loop = loop;
    this.io = io;
    this.subnetManager = subnetManager;
    this.request = request;
    this.renewMargin = renewMargin;
    this.listener = listener;
    this.backoff = new Backoff(FIRST_RETRY, LAST_RETRY, random);
    this.untilJoined = new Backoff(FIRST_RETRY, StoreWatch.LAST_RETRY, random);
    this.clock = new WorseClock(loop);
    this.random = random;
  }

  /** Acquires the lease, and keeps trying while the store does not answer. */
  void start() {
    checkState(loop.inEventLoop());
    attempt();
  }

  /** Asks the store at once whether the lease still stands, because something suggests that it does not. */
  void verify() {
    checkState(loop.inEventLoop());
    if (busy) {
      again = true;
    } else if (!stopped) {
      attempt();
    }
  }

  /** Has seen the store answer somebody else: what it left unanswered is asked again at once, and soon again if a call was under way. */
  void storeAnswers() {
    checkState(loop.inEventLoop());
    if (unanswered) {
      backoff.reset();
      notBeforeNanos = loop.nanoTime();
      next();
    }
  }

  /** Publishes {@code attributes} from now on: with the next renewal, which is at once. */
  void publish(LeaseAttributes attributes) {
    checkState(loop.inEventLoop());
    request = new LeaseRequest(request.config(), request.nodeId(), attributes, request.previous());
    verify();
  }

  /**
   * Has a record removed that is under our node id, unless it turns out to be the lease that is being asked for. A write that reached the
   * store long after it was given up leaves such a record.
   */
  void found(Lease underOurNodeId) {
    checkState(loop.inEventLoop());
    strays.put(underOurNodeId.subnets(), underOurNodeId);
    discardStrays();
  }

  private void discardStrays() {
    var held = grant;
    if (held == null || busy || stopped || strayTimer != null) {
      return;
    }
    strays.remove(held.lease().subnets());
    var gone = ImmutableList.copyOf(strays.values());
    if (gone.isEmpty()) {
      return;
    }
    strays.clear();
    io.execute(() -> {
      for (Lease stray : gone) {
        try {
          subnetManager.discard(stray);
        } catch (IOException | RuntimeException | Error e) {
          // A store is others' code; what it says of this record comes to light when it is asked
          // again.
          loop.execute(() -> discardLater(stray));
        }
      }
    });
  }

  private void discardLater(Lease stray) {
    strays.putIfAbsent(stray.subnets(), stray);
    if (strayTimer == null && !stopped) {
      strayTimer = loop.schedule(LAST_RETRY, () -> {
        strayTimer = null;
        discardStrays();
      });
    }
  }

  /** Stops. The lease stays as it is in the store. */
  void stop() {
    checkState(loop.inEventLoop());
    stopped = true;
    cancelTimer();
    if (strayTimer != null) {
      strayTimer.cancel();
    }
  }

  @Nullable
  Lease lease() {
    return grant == null ? null : grant.lease();
  }

  private void attempt() {
    cancelTimer();
    busy = true;
    long sentAt = clock.nanos();
    var held = grant;
    var asked = request;
    Callable<LeaseGrant> call = held == null
        ? () -> subnetManager.acquire(asked)
        : () -> subnetManager.renew(held.lease(), asked.attributes());
    io.execute(() -> {
      try {
        LeaseGrant granted = call.call();
        loop.execute(() -> granted(granted, sentAt));
      } catch (Exception e) {
        loop.execute(() -> failed(e));
      } catch (Error e) {
        // Unanswered, the call would be the last one.
        loop.execute(() -> failed(new ExecutionException(e)));
      }
    });
    if (held != null) {
      // The store may take its time, but the deadline does not wait for it.
      timer = loop.schedule(checkInterval(held), this::check);
    }
  }

  private void granted(LeaseGrant granted, long sentAt) {
    busy = false;
    if (stopped) {
      return;
    }
    var before = lease();
    boolean was = fenced;
    grant = granted;
    sentNanos = sentAt;
    renewal = renewal(granted);
    if (remaining(granted).isNegative()) {
      failed(new IOException("the store's answer came after the lease had run out"));
      return;
    }
    joined = true;
    fenced = false;
    unanswered = false;
    notBeforeNanos = loop.nanoTime();
    if (before != null) {
      // Not after a loss: two processes with one node id that take the lease from each other do so
      // ever more slowly.
      backoff.reset();
    }
    try {
      listener.held(before, granted.lease(), was);
    } finally {
      discardStrays();
      next();
    }
  }

  private void failed(Exception e) {
    busy = false;
    if (stopped) {
      return;
    }
    if (e instanceof LeaseLostException) {
      var lost = lease();
      if (lost != null) {
        request = new LeaseRequest(
            request.config(), request.nodeId(), request.attributes(), lost.subnets());
      }
      grant = null;
      fence("the lease is lost: " + e.getMessage());
    } else if (!joined && isFinal(e)) {
      stopped = true;
      listener.refused(e);
      return;
    }
    again = true;
    unanswered = !(e instanceof LeaseLostException) && !isAnswer(e);
    notBeforeNanos = loop.nanoTime() + (joined ? backoff : untilJoined).next().toNanos();
    try {
      listener.storeFailed(e);
    } finally {
      next();
    }
  }

  private static boolean isFinal(Exception e) {
    return !(e instanceof IOException) || isAnswer(e);
  }

  private static boolean isAnswer(Exception e) {
    return e instanceof NoFreeSubnetException || e instanceof PublicIpInUseException;
  }

  private void check() {
    try {
      checkDeadline();
    } finally {
      next();
    }
  }

  private void next() {
    cancelTimer();
    if (stopped) {
      return;
    }
    var held = grant;
    boolean due = !busy && (held == null || again || renewal.minus(elapsed()).isNegative());
    long wait = notBeforeNanos - loop.nanoTime();
    if (due && wait <= 0) {
      again = false;
      attempt();
    } else if (due) {
      var untilAttempt = Duration.ofNanos(wait);
      timer = loop.schedule(
          held == null ? untilAttempt : min(untilAttempt, checkInterval(held)), this::check);
    } else if (held != null && held.timeToLive() != null) {
      timer = loop.schedule(checkInterval(held), this::check);
    }
  }

  private void checkDeadline() {
    var held = grant;
    if (held != null && !fenced && remaining(held).minus(guard(held)).isNegative()) {
      fence("the lease could not be renewed before its end");
    }
  }

  private void fence(String reason) {
    if (!fenced) {
      fenced = true;
      listener.fenced(reason);
    }
  }

  private Duration checkInterval(LeaseGrant held) {
    Duration ttl = held.timeToLive();
    if (ttl == null) {
      return LAST_RETRY;
    }
    Duration untilDeadline = fenced ? LONGEST_CHECK : remaining(held).minus(guard(held));
    Duration interval = min(min(untilDeadline.plusNanos(1), ttl.dividedBy(20)), LONGEST_CHECK);
    return interval.isNegative() ? Duration.ZERO : interval;
  }

  /** Returns how long the lease may still be used, by the worse of the two clocks; without end for a reservation. */
  private Duration remaining(LeaseGrant held) {
    Duration ttl = held.timeToLive();
    return ttl == null ? Duration.ofDays(36_500) : ttl.minus(elapsed());
  }

  private Duration renewal(LeaseGrant granted) {
    Duration ttl = granted.timeToLive();
    if (ttl == null) {
      return Duration.ofDays(36_500);
    }
    Duration margin =
        renewMargin != null && renewMargin.compareTo(ttl) < 0 ? renewMargin : ttl.dividedBy(2);
    Duration latest = ttl.minus(margin);
    return latest.minusNanos(random.nextLong(latest.toNanos() / SPREAD + 1));
  }

  private Duration elapsed() {
    return Duration.ofNanos(clock.nanos() - sentNanos);
  }

  /** Returns how long before the end of a lease it is given up, so that traffic has stopped by then. */
  private static Duration guard(LeaseGrant held) {
    Duration ttl = held.timeToLive();
    return ttl == null ? Duration.ZERO : min(ttl.dividedBy(20), LONGEST_GUARD);
  }

  private static Duration min(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  private void cancelTimer() {
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
  }

  /** Is told on the loop. */
  interface Listener {

    /**
     * The lease is held.
     *
     * @param before what was held before, null for the first or after a loss
     * @param wasFenced whether its use had to stop meanwhile
     */
    void held(@Nullable Lease before, Lease now, boolean wasFenced);

    /** The subnet must not be used from now on, until {@link #held} is called. */
    void fenced(String reason);

    /** A call to the store failed and will be tried again. */
    void storeFailed(Exception cause);

    /** The first lease was refused in a way that trying again does not change. The keeper has stopped. */
    void refused(Exception cause);
  }
}
