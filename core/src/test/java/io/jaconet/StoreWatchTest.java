package io.jaconet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.ManualEventLoop;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.SubnetManager;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StoreWatchTest {
  private final ManualEventLoop loop = new ManualEventLoop();
  private final Queue<Runnable> io = new ArrayDeque<>();
  private final CountingManager leases = new CountingManager();
  private final StoreWatch watch = new StoreWatch(loop, io::add, leases, new Random(1), new Deaf());

  /** Knows how many watches are open. */
  private static final class CountingManager implements SubnetManager {
    int open;

    @Override
    public Watch watch(Watcher watcher) {
      open++;
      return () -> open--;
    }

    @Override
    public LeaseGrant acquire(LeaseRequest request) {
      throw new AssertionError();
    }

    @Override
    public LeaseGrant renew(Lease lease, LeaseAttributes attributes) {
      throw new AssertionError();
    }

    @Override
    public void release(Lease lease) {}

    @Override
    public void close() {}
  }

  private static final class Deaf implements StoreWatch.Listener {
    @Override
    public void snapshot(ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {}

    @Override
    public void events(ImmutableList<LeaseEvent> events) {}

    @Override
    public void watchFailed(Throwable cause) {}
  }

  @Test
  void closesAWatchThatBeginsOnlyAfterItWasEndedAndTheLoopHasStopped() {
    loop.execute(watch::restart);
    loop.execute(watch::stop);
    loop.runReady();

    io.remove().run();

    assertEquals(0, leases.open);
  }

  @Test
  void closesTheWatchThatANewOneReplaces() {
    loop.execute(watch::restart);
    loop.runReady();
    io.remove().run();

    loop.execute(watch::restart);
    loop.runReady();
    io.forEach(Runnable::run);

    assertEquals(1, leases.open);
  }
}
