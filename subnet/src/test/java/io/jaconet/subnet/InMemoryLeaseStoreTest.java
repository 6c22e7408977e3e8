package io.jaconet.subnet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.common.collect.ImmutableList;
import io.jaconet.event.ManualEventLoop;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.testkit.LeaseStoreContract;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class InMemoryLeaseStoreTest implements LeaseStoreContract {
  private static final Subnets SUBNETS = Subnets.of(IpPrefix.parse("10.5.52.0/24"));

  private final ManualEventLoop loop = new ManualEventLoop();
  private final List<Object> told = new ArrayList<>();

  @Override
  public LeaseStore newStore() {
    return new InMemoryLeaseStore();
  }

  @Override
  public Duration shortestTimeToLive() {
    return Duration.ofMillis(20);
  }

  @Test
  void endsALeaseAtItsVeryNanosecondOfVirtualTime() throws IOException {
    var store = new InMemoryLeaseStore(loop);
    store.watch(0, new Teller());
    store.create(SUBNETS, "", "node-1", Duration.ofHours(24));

    loop.advance(Duration.ofHours(24).minusNanos(1));
    assertEquals(1, store.list().entries().size());
    assertEquals(1, told.size());

    loop.advance(Duration.ofNanos(1));
    assertEquals(new LeaseStore.Event.Deleted(SUBNETS.key(), 2), told.get(1));
  }

  @Test
  void endsALeaseThatRanOutWhileTheMachineSlept() throws IOException {
    var store = new InMemoryLeaseStore(loop);
    var entry = store.create(SUBNETS, "", "node-1", Duration.ofSeconds(30));

    loop.pause(Duration.ofMinutes(1));

    assertThrows(
        LeaseStore.ConflictException.class,
        () -> store.update(entry, "", "node-1", Duration.ofSeconds(30)));
    store.create(SUBNETS, "", "node-2", Duration.ofSeconds(30));
  }

  @Test
  void failsAWatchFromBeforeTheRememberedHistory() throws IOException {
    var store = new InMemoryLeaseStore(loop);
    store.create(SUBNETS, "", "node-1", null);
    store.compact();
    store.watch(0, new Teller());
    store.watch(1, new Teller());
    store.watch(7, new Teller());

    loop.runReady();

    assertEquals(2, told.size());
    assertEquals("the store does not remember what happened after revision 0", told.get(0));
    assertEquals("the store does not remember what happened after revision 7", told.get(1));
  }

  @Test
  void goesOnWithAWatcherThatThrows() throws IOException {
    var store = new InMemoryLeaseStore(loop);
    store.watch(0, new Teller() {
      @Override
      public void onEvents(ImmutableList<LeaseStore.Event> events) {
        super.onEvents(events);
        throw new IllegalStateException("thrown by a test");
      }
    });

    store.create(SUBNETS, "", "node-1", null);
    loop.runReady();
    store.create(Subnets.of(IpPrefix.parse("10.5.53.0/24")), "", "node-1", null);
    loop.runReady();

    assertEquals(2, told.size());
  }

  @Test
  void refusesATimeToLiveThatIsNoTime() {
    var store = new InMemoryLeaseStore(loop);

    assertThrows(
        IllegalArgumentException.class, () -> store.create(SUBNETS, "", "node-1", Duration.ZERO));
    assertThrows(
        IllegalArgumentException.class,
        () -> store.create(SUBNETS, "", "node-1", Duration.ofSeconds(-1)));
  }

  @Test
  void takesATimeToLiveOfAges() throws IOException {
    var store = new InMemoryLeaseStore(loop);
    store.create(SUBNETS, "", "node-1", Duration.ofSeconds(Long.MAX_VALUE));

    loop.advance(Duration.ofDays(30_000));

    assertEquals(1, store.list().entries().size());
  }

  private class Teller implements LeaseStore.Watcher {
    @Override
    public void onEvents(ImmutableList<LeaseStore.Event> events) {
      told.addAll(events);
    }

    @Override
    public void onFailure(IOException cause) {
      told.add(String.valueOf(cause.getMessage()));
    }
  }
}
