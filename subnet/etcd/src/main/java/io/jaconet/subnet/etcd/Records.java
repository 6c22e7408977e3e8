package io.jaconet.subnet.etcd;

import com.google.common.collect.ImmutableList;
import io.jaconet.spi.LeaseStore.Entry;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Reads the records of the store from the keys that hold them. */
final class Records {
  /** For how long flanneld writes its leases. Asking how much of it is left would take a call for each lease. */
  static final Duration FLANNEL_TTL = Duration.ofHours(24);

  private Records() {}

  /** Returns the records in {@code found}, in the order of their names. */
  static ImmutableList<Entry> of(List<KeyValue> found, Layout layout) {
    var holders = new HashMap<String, KeyValue>();
    var records = new TreeMap<String, KeyValue>();
    for (var entry : found) {
      var holds = layout.nameOfHolder(entry.key());
      var name = layout.name(entry.key());
      if (holds != null) {
        holders.put(holds, entry);
      } else if (name != null) {
        records.put(name, entry);
      }
    }
    var entries = ImmutableList.<Entry>builderWithExpectedSize(records.size());
    records.forEach((name, record) -> entries.add(entry(name, record, holders.get(name))));
    return entries.build();
  }

  /** Returns a record, whose holder is known if {@code holder} was written together with it. */
  static Entry entry(String name, KeyValue record, @Nullable KeyValue holder) {
    var known = holder != null && holder.modified() == record.modified()
        ? Holder.parse(holder.value())
        : null;
    Duration timeToLive = null;
    if (record.lease() != 0) {
      timeToLive = known == null || known.timeToLive() == null ? FLANNEL_TTL : known.timeToLive();
    }
    return new Entry(
        name,
        record.value(),
        known == null ? null : known.node(),
        record.created(),
        record.modified(),
        timeToLive);
  }
}
