package io.jaconet.testkit.simulation;

import io.jaconet.event.EventLoop;
import io.jaconet.spi.LeaseStore;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The store that simulated hosts share, and what only its operator can do to it. Called on the thread of the simulation. */
public interface SharedStore {

  /** Returns the store itself. It has its time from the loop that it was made with, and does not block. */
  LeaseStore store();

  /** Writes a record whatever is there, under any key, without a holder: as a program does that knows no revisions. */
  void overwrite(String key, String value, @Nullable Duration timeToLive) throws IOException;

  /** Forgets the history, so that a watch from an earlier revision fails. */
  void compact();

  /** Makes an empty one. */
  interface Factory {

    /** Returns a store that has its time from {@code loop} and calls its watchers there. */
    SharedStore open(EventLoop loop);
  }
}
