package io.jaconet.subnet;

import io.jaconet.event.EventLoop;
import io.jaconet.spi.LeaseStore;
import io.jaconet.testkit.simulation.Campaign;
import io.jaconet.testkit.simulation.SharedStore;
import io.jaconet.testkit.simulation.SimulatedCluster;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** What this module brings to a simulation: the store in memory, and the manager. */
record Shared(InMemoryLeaseStore store) implements SharedStore {

  static SharedStore open(EventLoop loop) {
    return new Shared(new InMemoryLeaseStore(loop));
  }

  @Override
  public void overwrite(String key, String value, @Nullable Duration timeToLive)
      throws IOException {
    store.overwrite(key, value, timeToLive);
  }

  @Override
  public void compact() {
    store.compact();
  }

  /** Returns a builder of clusters on such stores. */
  static SimulatedCluster.Builder cluster() {
    return SimulatedCluster.builder(Shared::open, Shared::manager);
  }

  /** Returns a campaign on such stores. */
  static Campaign campaign() {
    return new Campaign(
        Shared::open,
        Shared::manager,
        (seed, steps) ->
            "mvn test -pl subnet -am -Dtest=SimulationTest#repeats -Dsurefire.failIfNoSpecifiedTests=false"
                + " -Djaconet.seed=" + seed + " -Djaconet.steps=" + steps);
  }

  private static StoreSubnetManager manager(
      LeaseStore store, Duration leaseTtl, Executor executor, RandomGenerator random) {
    return StoreSubnetManager.builder(store)
        .leaseTtl(leaseTtl)
        .executor(executor)
        .random(random)
        .build();
  }
}
