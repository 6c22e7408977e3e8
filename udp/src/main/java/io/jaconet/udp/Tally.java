package io.jaconet.udp;

import static java.util.Objects.requireNonNull;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** The counters of one thread: only that one adds, any may read. */
final class Tally {
  private final Map<PacketCounter, AtomicLong> values = new EnumMap<>(PacketCounter.class);

  Tally() {
    for (PacketCounter counter : PacketCounter.values()) {
      values.put(counter, new AtomicLong());
    }
  }

  void add(PacketCounter counter, long n) {
    AtomicLong value = requireNonNull(values.get(counter));
    value.setOpaque(value.getPlain() + n);
  }

  long get(PacketCounter counter) {
    return requireNonNull(values.get(counter)).getOpaque();
  }
}
