package io.jaconet.examples.store;

import io.jaconet.spi.LeaseStore;
import io.jaconet.testkit.LeaseStoreContract;
import java.time.Duration;

/** All that it takes to test a store of your own. */
class EventLogLeaseStoreTest implements LeaseStoreContract {

  @Override
  public LeaseStore newStore() {
    return new EventLogLeaseStore();
  }

  @Override
  public Duration shortestTimeToLive() {
    return Duration.ofMillis(50);
  }
}
