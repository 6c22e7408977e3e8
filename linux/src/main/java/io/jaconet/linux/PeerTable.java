package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.ForwardingEntry.Nexthop;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.Backend;
import java.io.IOException;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Keeps what the kernel knows of the peers behind one link equal to what is wanted: the one way in which first programming, every change,
 * repair and the sweep at start are done. Wanted entries come from pure functions, observed ones from the kernel; only the difference is
 * written, in as few system calls as the order allows.
 *
 * <p>Ours are: permanent neighbor and forwarding database entries of the link; routes inside the network that bear {@link #PROTOCOL}, and on
 * the link also those that flanneld makes; nexthop objects of the link that bear {@code PROTOCOL}. Nothing else is ever changed or removed,
 * with one exception: a route or nexthop object of another's that took the place of one of ours, which had stood there, is replaced. A
 * route that was there first leaves the peer pending, with the reason.
 *
 * <p>What stood and does not any more was changed by somebody, and mending it is a {@link Backend.Repair}, for which there is a {@link
 * RepairBudget}. Whoever listens to {@link NetlinkEvents} passes them to {@link #hear}; {@link #mend} then looks at no other tables than
 * those concerned.
 *
 * <p>Gateway routes on the link are written with nexthop objects, because the kernel takes time proportional to the number of gateway routes
 * of a device to add one more; where it has no nexthop objects (before 5.3), as they are.
 *
 * <p>Confined to the thread of its {@link ForwardingTables}.
 */
public final class PeerTable {
  /** The {@code RTPROT_*} of our routes and nexthop objects; none of those that iproute2 knows by name. */
  public static final int PROTOCOL = 74;

  private final ForwardingTables tables;
  private final int link;
  private final IpPrefix network;
  private final GatewayRoutes gateways;
  private final OwnEntries observed;
  private final Troubles troubles;
  private final Set<EntryKind> kinds;
  private final Map<Subnets, ImmutableList<ForwardingEntry>> wanted = new HashMap<>();
  private final Map<Object, Wish> wishes = new HashMap<>();
  private final Doubts doubts = new Doubts();
  private boolean audited;
  private int round;

  /**
   * Creates a table of no peers.
   *
   * @param link the index of the device
   * @param network the overlay's prefix; routes outside are never touched
   * @param idSeed differs between the networks of one namespace, so that their nexthop ids do
   */
  public PeerTable(ForwardingTables tables, int link, IpPrefix network, int idSeed) {
    this(tables, link, network, idSeed, new RepairBudget());
  }

  /** Creates a table whose repairs {@code budget} limits. */
  public PeerTable(
      ForwardingTables tables, int link, IpPrefix network, int idSeed, RepairBudget budget) {
    this(
        tables,
        link,
        network,
        new GatewayRoutes(link, idSeed, true),
        budget,
        EnumSet.allOf(EntryKind.class));
  }

  private PeerTable(
      ForwardingTables tables,
      int link,
      IpPrefix network,
      GatewayRoutes gateways,
      RepairBudget budget,
      Set<EntryKind> kinds) {
    this.tables = tables;
    this.link = link;
    this.network = network;
    this.gateways = gateways;
    this.observed = new OwnEntries(tables, link, network, gateways);
    this.troubles = new Troubles(budget);
    this.kinds = kinds;
  }

  /** Creates a table of no routes of a device that knows neither neighbors nor nexthop objects: all that is wanted of it are routes. */
  public static PeerTable ofRoutes(
      ForwardingTables tables, int link, IpPrefix network, RepairBudget budget) {
    return new PeerTable(
        tables,
        link,
        network,
        new GatewayRoutes(link, 0, false),
        budget,
        EnumSet.of(EntryKind.ROUTES));
  }

  /** Notes what is wanted of some peers from now on, and leaves the writing to {@link #audit}. */
  public void want(List<Edit> edits) {
    note(edits);
  }

  /**
   * Notes what is wanted of some peers from now on, and writes the difference to what was wanted before.
   *
   * @throws IOException if the kernel could not be asked
   */
  public Outcome apply(List<Edit> edits) throws IOException {
    return execute(note(edits));
  }

  private PeerPlan note(List<Edit> edits) {
    var plan = newPlan();
    Map<Object, Wish> gone = new LinkedHashMap<>();
    for (Edit edit : edits) {
      var before = edit.entries().isEmpty()
          ? wanted.remove(edit.peer())
          : wanted.put(edit.peer(), edit.entries());
      if (before != null) {
        before.forEach(entry -> drop(edit.peer(), entry, gone));
      }
    }
    // A MAC or an address may move from one peer to another: only what nobody wants any more goes.
    for (Edit edit : edits) {
      for (ForwardingEntry entry : edit.entries()) {
        var through = gateways.nexthopOf(entry);
        if (through != null) {
          want(edit.peer(), through, gone, plan);
        }
        want(edit.peer(), entry, gone, plan);
      }
    }
    gone.values().forEach(plan::withdraw);
    return plan;
  }

  private void drop(Subnets peer, ForwardingEntry entry, Map<Object, Wish> gone) {
    var through = gateways.nexthopOf(entry);
    if (through != null) {
      drop(peer, through, gone);
    }
    Object key = Wish.key(entry);
    var wish = wishes.get(key);
    if (wish != null && wish.peer.equals(peer)) {
      wishes.remove(key);
      troubles.forget(key);
      gone.put(key, wish);
    }
  }

  private void want(Subnets peer, ForwardingEntry entry, Map<Object, Wish> gone, PeerPlan plan) {
    Object key = Wish.key(entry);
    var wish = new Wish(peer, entry);
    var old = gone.remove(key);
    if (old == null) {
      old = wishes.get(key);
    }
    wishes.put(key, wish);
    if (old != null && old.stands && (entry instanceof Nexthop || old.entry.equals(entry))) {
      wish.stands = true;
    } else {
      plan.write(wish, old != null && old.stands);
    }
  }

  /**
   * Compares what the kernel has with what is wanted of all peers, and writes the difference.
   *
   * @throws IOException if the kernel could not be asked
   */
  public Outcome audit() throws IOException {
    var outcome = execute(compare(kinds));
    audited = true;
    return outcome;
  }

  /**
   * Does what {@link #audit} does for the tables in which, by what was {@linkplain #hear heard}, something is not as wanted.
   *
   * @throws IOException if the kernel could not be asked; what was heard is not forgotten then
   */
  public Outcome mend() throws IOException {
    if (doubts.isEmpty()) {
      return execute(newPlan());
    }
    var doubtful = doubts.kinds();
    // What is pending may hang on a table that nothing was heard of.
    boolean all = !troubles.isEmpty() || doubtful.containsAll(kinds);
    return all ? audit() : execute(compare(doubtful));
  }

  /** Returns whether {@link #mend} has something to look at. */
  public boolean isDoubtful() {
    return !doubts.isEmpty();
  }

  /** Returns whether {@code event} is of a table's part that is ours. For any thread. */
  public boolean concerns(NetlinkEvent event) {
    if (event instanceof NetlinkEvent.NeighborChanged change) {
      return change.linkIndex() == link;
    }
    if (event instanceof NetlinkEvent.FdbChanged change) {
      return change.linkIndex() == link;
    }
    if (event instanceof NetlinkEvent.NexthopChanged change) {
      return NexthopIds.mayBeOurs(change.id())
          || change.nexthop() != null && gateways.isOurs(change.nexthop());
    }
    return event instanceof NetlinkEvent.RouteChanged change
        && change.route().table() == RouteMessages.RT_TABLE_MAIN
        && network.contains(change.route().destination());
  }

  /** Takes note of a change in the kernel, unless it only is as wanted. */
  public void hear(NetlinkEvent event) {
    if (event instanceof NetlinkEvent.NeighborChanged change && change.linkIndex() == link) {
      var wish = wishes.get(change.address());
      boolean asWanted = wish == null
          ? change.removed() || !change.permanent()
          : !change.removed()
              && change.permanent()
              && ((ForwardingEntry.Neighbor) wish.entry).mac().equals(change.mac());
      heard(EntryKind.NEIGHBORS, change.address(), change.address(), asWanted);
    } else if (event instanceof NetlinkEvent.FdbChanged change && change.linkIndex() == link) {
      var wish = wishes.get(change.mac());
      boolean asWanted = wish == null
          ? change.removed() || !change.permanent()
          : !change.removed()
              && change.permanent()
              && ((ForwardingEntry.Fdb) wish.entry).destination().equals(change.destination());
      heard(EntryKind.FDB, change.mac(), change.mac(), asWanted);
    } else if (event instanceof NetlinkEvent.NexthopChanged change) {
      hear(change);
    } else if (event instanceof NetlinkEvent.RouteChanged change) {
      hear(change);
    } else if (event instanceof NetlinkEvent.Lost) {
      doubts.addAll(kinds);
    }
  }

  private void hear(NetlinkEvent.NexthopChanged change) {
    var nexthop = change.nexthop();
    boolean isOurs = nexthop != null && gateways.isOurs(nexthop);
    boolean isWanted =
        nexthop != null && isOurs && gateways.ids().of(nexthop.gateway()) == change.id();
    boolean asWanted = isWanted
        ? !change.removed()
        : !gateways.ids().isBound(change.id()) && (change.removed() || !isOurs);
    Object key = nexthop == null ? change.id() : Wish.key(nexthop);
    heard(EntryKind.NEXTHOPS, change.id(), key, asWanted);
    if (!asWanted && (change.removed() || gateways.ids().isBound(change.id()))) {
      // Routes go with their object without a word, and do not come back with it.
      heard(EntryKind.ROUTES, change.id(), key, false);
    }
  }

  private void hear(NetlinkEvent.RouteChanged change) {
    var route = change.route();
    if (route.table() != RouteMessages.RT_TABLE_MAIN || !network.contains(route.destination())) {
      return;
    }
    Object key = new Wish.RouteKey(route.destination(), route.metric());
    var wish = wishes.get(key);
    boolean asWanted = wish == null
        ? change.removed() || route.protocol() != PROTOCOL
        : gateways.matches((Route) wish.entry, route) != change.removed();
    // Another's route that is gone may have been in the way of one of ours.
    boolean inTheWay = wish != null && change.removed() && troubles.contains(key);
    heard(EntryKind.ROUTES, key, key, asWanted && !inTheWay);
  }

  /** Takes the word of an object; {@code key} is that of the wish it could be for. */
  private void heard(EntryKind kind, Object object, Object key, boolean asWanted) {
    if (kinds.contains(kind)) {
      doubts.heard(kind, object, asWanted || troubles.isKnownToBeLeft(key));
    }
  }

  /** Takes note that the kernel dropped all entries along with a change of the link, which is mended as one thing. */
  public void linkWasReset() {
    wishes.values().forEach(wish -> wish.stands = false);
    doubts.addAll(kinds);
  }

  private PeerPlan compare(Set<EntryKind> doubted) throws IOException {
    round++;
    troubles.forgetOfNoPeer();
    var plan = newPlan();
    Map<Wish, ForwardingEntry> changed = new LinkedHashMap<>();
    for (EntryKind kind : doubted) {
      for (ForwardingEntry found : observed.read(kind, this::isWanted)) {
        var wish = wishes.get(Wish.key(found));
        if (wish == null || wish.seen == round) {
          remove(found, plan);
        } else if (gateways.matches(wish.entry, found)) {
          troubles.settle(wish);
          wish.seen = round;
        } else if (found instanceof Nexthop || changed.putIfAbsent(wish, found) != null) {
          remove(found, plan);
        }
      }
    }
    changed.forEach((wish, found) -> {
      if (wish.seen == round) {
        remove(found, plan);
      }
    });
    for (Wish wish : wishes.values()) {
      if (wish.seen != round && doubted.contains(EntryKind.of(wish.entry))) {
        plan.mend(wish, changed.get(wish));
      }
    }
    doubts.removeAll(doubted);
    return plan;
  }

  private boolean isWanted(Nexthop nexthop) {
    return wishes.containsKey(Wish.key(nexthop));
  }

  /** What is found in the first comparison may be an earlier run's; what comes later was put there by others. */
  private void remove(ForwardingEntry found, PeerPlan plan) {
    if (audited) {
      plan.removeAdded(found);
    } else {
      plan.remove(found);
    }
  }

  private PeerPlan newPlan() {
    return new PeerPlan(tables, gateways, troubles);
  }

  private Outcome execute(PeerPlan plan) throws IOException {
    boolean hadNexthopObjects = gateways.haveNexthopObjects();
    try {
      return plan.execute();
    } finally {
      if (hadNexthopObjects && !gateways.haveNexthopObjects()) {
        wishes.values().removeIf(wish -> wish.entry instanceof Nexthop);
      }
    }
  }

  /**
   * Removes everything of ours, and wants nothing any more.
   *
   * @throws IOException if the kernel could not be asked, or refused to remove something; all else is removed
   */
  public void clear() throws IOException {
    wanted.clear();
    wishes.clear();
    troubles.clear();
    audited = false;
    var plan = compare(kinds);
    var unused = execute(plan);
    var leftOver = plan.leftOver();
    if (leftOver != null) {
      throw leftOver.toException();
    }
  }

  /** Returns the index of the device. */
  public int link() {
    return link;
  }

  /** What is wanted of one peer from now on; nothing if it is gone. */
  public record Edit(Subnets peer, ImmutableList<ForwardingEntry> entries) {}

  /**
   * What came of it.
   *
   * @param pending why a peer is not as wanted, of all peers
   * @param trouble why something is there that should not be, null if nothing is
   * @param writes how many entries were written or removed
   * @param repairs what was mended of what others changed
   * @param retry whether something was refused, and not just left as it is for having been mended too often
   */
  public record Outcome(
      ImmutableMap<Subnets, String> pending,
      @Nullable String trouble,
      int writes,
      ImmutableList<Backend.Repair> repairs,
      boolean retry) {}
}
