package io.jaconet.testkit.crash;

import java.util.HashMap;
import java.util.Map;

/** Numbers calls in the order of their beginning. Confined to one thread. */
final class CallCounter {
  private final Map<String, Integer> perThread = new HashMap<>();
  private final Map<String, Integer> threads = new HashMap<>();

  /** Returns which point the next call is that {@code thread} makes. */
  CrashPoint next(String thread, String call) {
    int count = perThread.merge(thread + " " + call, 1, Integer::sum);
    return new CrashPoint(call, count, threads.merge(call + " " + count, 1, Integer::sum));
  }
}
