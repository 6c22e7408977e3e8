package io.jaconet.iptables;

import com.google.common.collect.ImmutableList;
import com.google.gson.JsonElement;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.Nftables;
import io.jaconet.linux.NftablesEvents.Change;
import io.jaconet.overlay.UnderlayGuard;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Sets up the guard of the underlay and keeps it as it is. Not thread-safe, but for {@link #concerns}. */
final class Guard {
  private static final Nftables.Table TABLE = NftProgram.key(GuardTable.FAMILY, GuardTable.NAME);

  private final NftProgram nft;
  private final NetworkNamespace namespace;
  private final ReadBack<ImmutableList<JsonElement>> readBack = new ReadBack<>();
  private @Nullable NftTable wanted;
  private @Nullable NftTable known;
  private long dropsBefore;
  private long drops;

  Guard(NftProgram nft, NetworkNamespace namespace) {
    this.nft = nft;
    this.namespace = namespace;
  }

  boolean concerns(Change change) {
    return change.family() == TABLE.family() && change.table().equals(TABLE.name());
  }

  /** Notes that it is not known any more what the table holds. */
  void mayHaveChanged() {
    known = null;
  }

  void ensure(@Nullable UnderlayGuard guard) throws IOException {
    var next = guard == null ? null : GuardTable.of(guard);
    if (next == null) {
      nft.delete(GuardTable.FAMILY, GuardTable.NAME);
    } else {
      mend(next);
    }
    wanted = next;
  }

  /** Returns what differed and is mended, in words. */
  ImmutableList<String> check() throws IOException {
    var table = wanted;
    if (table == null) {
      return ImmutableList.of();
    }
    var mended = known == null ? mend(table) : ImmutableList.<String>of();
    count();
    return mended;
  }

  private ImmutableList<String> mend(NftTable next) throws IOException {
    var there = known;
    if (there == null) {
      there = nft.list(GuardTable.FAMILY, GuardTable.NAME).orElse(null);
    }
    var plan = there == null
        ? new NftTable.Plan(next.replacement(), ImmutableList.of(next + " was missing"), 0)
        : next.from(there, readBack);
    known = null;
    if (!plan.commands().isEmpty()) {
      nft.execute(plan.commands());
      readBack.wrote();
    }
    known = next;
    return plan.differences();
  }

  /** A table that is made anew counts from zero. */
  private void count() throws IOException {
    try (var nftables = namespace.call(Nftables::open)) {
      long now =
          nftables.counters(TABLE).values().stream().mapToLong(Long::longValue).sum();
      if (now < drops - dropsBefore) {
        dropsBefore = drops;
      }
      drops = dropsBefore + now;
    }
  }

  long drops() {
    return drops;
  }
}
