package io.jaconet.subnet.etcd;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Asks again until the answer comes, as a host does whose store is away for a while. */
record Retry(int seconds) {

  /** A call to a store. */
  interface Call<T> {
    T call() throws IOException;
  }

  <T> T until(Call<T> call) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    while (true) {
      try {
        return call.call();
      } catch (IOException e) {
        if (System.nanoTime() > deadline) {
          throw new AssertionError("no answer within " + seconds + " s", e);
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
      }
    }
  }
}
