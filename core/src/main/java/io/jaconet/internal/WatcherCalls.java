package io.jaconet.internal;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The calls of one watcher: one at a time, none once they have ended. What a watcher throws is logged. Thread-safe. */
public final class WatcherCalls {
  private static final Logger log = LoggerFactory.getLogger(WatcherCalls.class);

  private final Object calling = new Object();
  private volatile boolean ended;

  /** Makes {@code call}, unless the calls have ended. Nothing but what the caller holds is locked meanwhile, and this watcher's calls. */
  public void make(Runnable call) {
    synchronized (calling) {
      if (ended) {
        return;
      }
      try {
        call.run();
      } catch (RuntimeException | Error thrown) {
        log.error("A watcher threw; its watch goes on", thrown);
      }
    }
  }

  /** Returns whether the calling thread is in one of the calls. */
  public boolean isMadeByThisThread() {
    return Thread.holdsLock(calling);
  }

  /** Returns whether no more calls are made. */
  public boolean haveEnded() {
    return ended;
  }

  /** Makes no more calls, without waiting for one that is under way. */
  public void end() {
    ended = true;
  }

  /** Makes no more calls, and waits for one that is under way unless this is called from there. */
  public void endAndWait() {
    end();
    synchronized (calling) {
      ended = true;
    }
  }
}
