package io.jaconet.testkit.simulation;

import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.SubnetManager;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.random.RandomGenerator;

/** Makes the subnet manager of a simulated host's process. */
public interface SubnetManagerFactory {

  /**
   * Returns a manager that takes all its chances from {@code random} and runs what it does not run on the caller's thread on
   * {@code executor}.
   *
   * @param store the host's connection to the store: slow, and not always there. It may be called on {@code executor} only
   * @param leaseTtl how long a lease lasts unless renewed
   */
  SubnetManager over(
      LeaseStore store, Duration leaseTtl, Executor executor, RandomGenerator random);
}
