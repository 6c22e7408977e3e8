package io.jaconet;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import io.jaconet.NetworkHealth.Concern;
import io.jaconet.event.Backoff;
import io.jaconet.event.EventLoop;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.spi.Backend;
import io.jaconet.spi.Backend.Preparation;
import io.jaconet.spi.Backend.Report;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the data path as lease, peers and underlay ask for it: passes on what changes, has everything compared in intervals, and what the
 * backend heard of mended at once. What fails is tried again, ever more slowly.
 *
 * <p>A backend is others' code: whatever it throws is a failure of the data path, and no reason to look after it no longer.
 *
 * <p>Confined to the network's event loop.
 */
final class DataPathKeeper {
  private static final Logger log = LoggerFactory.getLogger(DataPathKeeper.class);

  private final EventLoop loop;
  private final Backend backend;
  private final Supplier<PeerReconciler> peers;
  private final Duration interval;
  private final Backoff backoff;
  private final Listener listener;
  private final LookPacing pacing;
  private @Nullable Lease own;
  private @Nullable Closeable watch;
  private EventLoop.@Nullable Timer auditTimer;
  private EventLoop.@Nullable Timer lookTimer;
  private boolean started;
  private boolean fenced;
  private boolean closed;
  private boolean flushScheduled;
  private boolean following;

  /** Whether the network cannot be on the underlay that there is, though the backend could. */
  private boolean unfit;

  private @Nullable String failure;
  private @Nullable String underlayFailure;

  /** Whether something failed that may succeed before the next audit is due. */
  private boolean retry;

  private @Nullable Instant noticed;
  private long noticedNanos;

  /**
   * @param peers who keeps the peers, from {@link #start} on
   * @param interval how often everything is compared
   * @param backoff how long to wait before something is tried again
   */
  DataPathKeeper(
      EventLoop loop,
      Backend backend,
      Supplier<PeerReconciler> peers,
      Duration interval,
      Backoff backoff,
      Listener listener) {
    this.loop = loop;
    this.backend = backend;
    this.peers = peers;
    this.interval = interval;
    this.backoff = backoff;
    this.listener = listener;
    this.pacing = new LookPacing(loop.nanoTime());
  }

  private interface Call<T> {
    T run() throws IOException;
  }

  private interface Action {
    void run() throws IOException;
  }

  private static <T> T called(Call<T> call) throws IOException {
    try {
      return call.run();
    } catch (RuntimeException | Error e) {
      throw new IOException("the backend failed: " + e, e);
    }
  }

  private static void call(Action action) throws IOException {
    var unused = called(() -> {
      action.run();
      return true;
    });
  }

  /**
   * Lets traffic flow, as the holder of {@code lease}.
   *
   * @throws IOException if that failed; it is noted and, once started, tried again
   */
  void open(Lease lease) throws IOException {
    checkState(loop.inEventLoop());
    own = lease;
    fenced = false;
    try {
      call(() -> backend.open(lease));
      note(null);
    } catch (IOException e) {
      failed(e);
      throw e;
    } finally {
      if (started) {
        audit();
        scheduleAudit();
      }
    }
  }

  /** Begins to look after the peers. The first time, leftovers of an earlier run may be there: compares everything. */
  void start() {
    checkState(loop.inEventLoop());
    audit();
    started = true;
    beginWatch();
    scheduleAudit();
  }

  private void beginWatch() {
    if (watch != null) {
      return;
    }
    try {
      watch = called(() -> backend.watch(this::changed));
    } catch (IOException e) {
      log.warn("changes in the kernel are noticed only by audits: {}", describe(e));
    }
  }

  /** Stops traffic until {@link #open}. What fails is tried again in place of the next audit, and what others undid is done again. */
  void suspend() {
    checkState(loop.inEventLoop());
    fenced = true;
    stopTraffic();
    if (failure != null && started) {
      scheduleAudit();
    }
  }

  private void stopTraffic() {
    try {
      call(backend::suspend);
      note(null);
      retry = false;
    } catch (IOException e) {
      if (failure == null) {
        log.error("could not stop the traffic of a subnet that is not ours any more", e);
      }
      failed(e);
    }
  }

  /** Passes on what changed of the peers, once for all that waits in the loop's queue by now. */
  void scheduleFlush() {
    if (!flushScheduled) {
      flushScheduled = true;
      loop.execute(() -> {
        flushScheduled = false;
        flush();
      });
    }
  }

  /** Passes on what changed of the peers by now. */
  void flush() {
    checkState(loop.inEventLoop());
    if (closed || fenced) {
      return;
    }
    boolean wasUrgent = isUrgent();
    try {
      called(() -> peers.get().flush()).ifPresent(report -> {
        listener.wrote(report.writes());
        retry |= report.retry();
        notePending();
      });
    } catch (IOException e) {
      failed(e);
    }
    if (!wasUrgent && isUrgent() && started) {
      scheduleAudit();
    }
  }

  private void audit() {
    if (closed) {
      return;
    }
    if (fenced) {
      stopTraffic();
      return;
    }
    var since = loop.now();
    long sinceNanos = loop.nanoTime();
    try {
      done(called(() -> peers.get().audit()), since, sinceNanos);
      listener.audited();
    } catch (IOException e) {
      failed(e);
      notePending();
    }
  }

  private void scheduleAudit() {
    if (auditTimer != null) {
      auditTimer.cancel();
    }
    if (!isUrgent()) {
      backoff.reset();
    }
    auditTimer = loop.schedule(isUrgent() ? backoff.next() : interval, () -> {
      try {
        beginWatch();
        audit();
        listener.tick();
      } finally {
        scheduleAudit();
      }
    });
  }

  private boolean isUrgent() {
    return retry || underlayFailure != null;
  }

  /** Called on a thread of the backend's. */
  private void changed() {
    var now = loop.now();
    long nanos = loop.nanoTime();
    loop.execute(() -> {
      if (!closed && noticed == null) {
        noticed = now;
        noticedNanos = nanos;
        scheduleLook();
      }
    });
  }

  private void scheduleLook() {
    lookTimer = loop.schedule(pacing.untilNext(loop.nanoTime()), this::look);
  }

  private void look() {
    lookTimer = null;
    var since = noticed;
    noticed = null;
    if (closed || fenced || since == null) {
      return;
    }
    boolean wasUrgent = isUrgent();
    boolean mended = false;
    long began = loop.nanoTime();
    try {
      var report = called(() -> peers.get().repair());
      mended = !report.repairs().isEmpty();
      done(report, since, noticedNanos);
    } catch (IOException e) {
      failed(e);
    }
    pacing.looked(began, loop.nanoTime(), mended);
    if (!wasUrgent && isUrgent()) {
      scheduleAudit();
    }
  }

  private void done(Report report, Instant since, long sinceNanos) {
    listener.wrote(report.writes());
    note(report.trouble());
    retry = report.retry();
    notePending();
    if (!report.repairs().isEmpty()) {
      var took = Duration.ofNanos(loop.nanoTime() - sinceNanos);
      listener.mended(report.repairs().stream()
          .map(repair -> new Drift(repair.object(), repair.expected(), repair.found(), since, took))
          .collect(ImmutableList.toImmutableList()));
    }
    if (!report.underlayChanged() && !unfit) {
      noteUnderlay(null);
    } else if (report.underlayChanged() && !following) {
      follow();
    }
  }

  private void follow() {
    following = true;
    unfit = false;
    try {
      var now = called(backend::prepare);
      unfit = true;
      listener.prepared(now);
      unfit = false;
      var lease = own;
      if (lease != null) {
        call(() -> backend.open(lease));
      }
      audit();
      // Not before the kernel has all that leads over it.
      noteUnderlay(null);
    } catch (IOException | IllegalArgumentException e) {
      noteUnderlay(describe(e));
    } finally {
      following = false;
    }
  }

  private void failed(IOException e) {
    retry = true;
    note(describe(e));
  }

  private void note(@Nullable String reason) {
    failure = reason;
    listener.note(Concern.DATA_PATH, reason);
  }

  private void noteUnderlay(@Nullable String reason) {
    underlayFailure = reason;
    listener.note(Concern.UNDERLAY, reason);
  }

  private void notePending() {
    var all = peers.get().pending();
    String reason = null;
    if (!all.isEmpty()) {
      var one = all.entrySet().iterator().next();
      reason = all.size() + " peers pending, among them " + one.getKey() + ": " + one.getValue();
    }
    listener.note(Concern.PEERS_PENDING, reason);
  }

  static String describe(Throwable e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  /**
   * Ends all that, and closes the backend.
   *
   * @throws IOException if something could not be cleaned up; what was possible is done
   */
  void close(CloseMode mode) throws IOException {
    checkState(loop.inEventLoop());
    closed = true;
    if (auditTimer != null) {
      auditTimer.cancel();
    }
    if (lookTimer != null) {
      lookTimer.cancel();
    }
    try {
      if (watch != null) {
        watch.close();
      }
    } finally {
      call(() -> backend.close(mode));
    }
  }

  /** Is told on the loop. */
  interface Listener {

    /** What is wrong, or well again if {@code reason} is null. May say the same again. */
    void note(Concern concern, @Nullable String reason);

    /** So many entries were written to the kernel or removed from it. */
    void wrote(int writes);

    /** Everything was compared. */
    void audited();

    /** It is time to try again what failed, of others' too. */
    void tick();

    /** Something others changed was mended. */
    void mended(ImmutableList<Drift> drifts);

    /**
     * The underlay is another now.
     *
     * @throws IllegalArgumentException if the network cannot be on it
     */
    void prepared(Preparation now);
  }
}
