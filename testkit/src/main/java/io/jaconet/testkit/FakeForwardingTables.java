package io.jaconet.testkit;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.linux.EntryChange;
import io.jaconet.linux.EntryFailure;
import io.jaconet.linux.ForwardingEntry;
import io.jaconet.linux.ForwardingTables;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A kernel's forwarding entries without a kernel: one entry to a key, errors as Linux answers them, also where it answers oddly (removing
 * a forwarding database entry with another destination succeeds and removes nothing). It can be made to refuse, and its entries can be
 * changed behind the back of whoever uses it.
 *
 * <p>Confined to one thread.
 */
public final class FakeForwardingTables implements ForwardingTables {
  private static final int ENOENT = 2;
  private static final int ESRCH = 3;
  private static final int EEXIST = 17;
  private static final int EINVAL = 22;

  private final Map<Object, ForwardingEntry> entries = new LinkedHashMap<>();
  private Function<EntryChange, Integer> refusal = change -> 0;
  private int writes;

  /** Creates a kernel without an entry. */
  public FakeForwardingTables() {}

  /** Answers changes for which {@code errno} returns other than 0 with that errno, from now on. */
  public void refuse(Function<EntryChange, Integer> errno) {
    refusal = errno;
  }

  /** Returns all entries. */
  public ImmutableSet<ForwardingEntry> entries() {
    return ImmutableSet.copyOf(entries.values());
  }

  /** Puts {@code entry} in the place of whatever has its key, as another program might. */
  public void plant(ForwardingEntry entry) {
    entries.put(key(entry), entry);
  }

  /** Removes the entries that {@code which} accepts, as another program might. */
  public void tamper(Predicate<ForwardingEntry> which) {
    entries.values().removeIf(which);
  }

  /** Returns how many changes were made. */
  public int writes() {
    return writes;
  }

  @Override
  public ImmutableList<EntryFailure> apply(List<EntryChange> changes) throws IOException {
    var failures = ImmutableList.<EntryFailure>builder();
    for (EntryChange change : changes) {
      int refused = refusal.apply(change);
      int errno = refused != 0 ? refused : make(change);
      if (errno == 0) {
        writes++;
      } else {
        failures.add(new EntryFailure(change, errno, ""));
      }
    }
    return failures.build();
  }

  private int make(EntryChange change) {
    var entry = change.entry();
    var found = entries.get(key(entry));
    if (change.mode() == EntryChange.Mode.REMOVE) {
      return remove(entry, found);
    }
    if (change.mode() == EntryChange.Mode.CREATE && found != null) {
      return EEXIST;
    }
    if (entry instanceof ForwardingEntry.Route route
        && route.nexthopId() != 0
        && !entries.containsKey(new Key("nexthop", route.nexthopId(), 0))) {
      return EINVAL;
    }
    entries.put(key(entry), entry);
    return 0;
  }

  private int remove(ForwardingEntry entry, @Nullable ForwardingEntry found) {
    if (found == null) {
      return entry instanceof ForwardingEntry.Route ? ESRCH : ENOENT;
    }
    if (entry instanceof ForwardingEntry.Fdb && !entry.equals(found)) {
      return 0;
    }
    if (entry instanceof ForwardingEntry.Route && !entry.equals(found)) {
      return ESRCH;
    }
    entries.remove(key(entry));
    if (entry instanceof ForwardingEntry.Nexthop nexthop) {
      tamper(other ->
          other instanceof ForwardingEntry.Route route && route.nexthopId() == nexthop.id());
    }
    return 0;
  }

  private static Key key(ForwardingEntry entry) {
    if (entry instanceof ForwardingEntry.Neighbor neighbor) {
      return new Key("neighbor", neighbor.address(), neighbor.linkIndex());
    }
    if (entry instanceof ForwardingEntry.Fdb fdb) {
      return new Key("fdb", fdb.mac(), fdb.linkIndex());
    }
    if (entry instanceof ForwardingEntry.Route route) {
      return new Key("route", route.destination(), route.metric());
    }
    return new Key("nexthop", ((ForwardingEntry.Nexthop) entry).id(), 0);
  }

  private record Key(String kind, Object what, int where) {}

  private <T extends ForwardingEntry> ImmutableList<T> all(Class<T> kind, Predicate<T> which) {
    return entries.values().stream()
        .filter(kind::isInstance)
        .map(kind::cast)
        .filter(which)
        .collect(ImmutableList.toImmutableList());
  }

  @Override
  public ImmutableList<ForwardingEntry.Neighbor> neighbors(int linkIndex) {
    return all(ForwardingEntry.Neighbor.class, entry -> entry.linkIndex() == linkIndex);
  }

  @Override
  public ImmutableList<ForwardingEntry.Fdb> fdb(int linkIndex) {
    return all(ForwardingEntry.Fdb.class, entry -> entry.linkIndex() == linkIndex);
  }

  @Override
  public ImmutableList<ForwardingEntry.Nexthop> nexthops(int linkIndex) {
    return all(
        ForwardingEntry.Nexthop.class, entry -> linkIndex == 0 || entry.linkIndex() == linkIndex);
  }

  @Override
  public ImmutableList<ForwardingEntry.Route> routes(int linkIndex, int protocol) {
    return all(
        ForwardingEntry.Route.class,
        entry -> (linkIndex == 0 || entry.linkIndex() == linkIndex)
            && (protocol == 0 || entry.protocol() == protocol));
  }
}
