package io.jaconet.internal;

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/** Makes daemon threads, named by a prefix and a number from 0 on. */
public final class DaemonThreads implements ThreadFactory {
  private final String prefix;
  private final AtomicInteger made = new AtomicInteger();

  /** Creates a factory of threads that are called {@code prefix-0}, {@code prefix-1} and so on. */
  public DaemonThreads(String prefix) {
    this.prefix = prefix;
  }

  @Override
  public Thread newThread(Runnable task) {
    var thread = new Thread(task, prefix + "-" + made.getAndIncrement());
    thread.setDaemon(true);
    return thread;
  }
}
