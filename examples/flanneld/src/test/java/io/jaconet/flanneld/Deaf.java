package io.jaconet.flanneld;

import java.util.concurrent.CountDownLatch;

/** A daemon that hears of the first signal and does not end. */
final class Deaf {
  private Deaf() {}

  public static void main(String[] args) throws InterruptedException {
    var unused =
        Termination.bySignal().asked().thenRun(() -> System.out.println("was asked to end"));
    System.out.println("stays");
    new CountDownLatch(1).await();
  }
}
