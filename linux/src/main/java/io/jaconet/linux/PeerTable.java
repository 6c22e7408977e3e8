package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.EntryChange.Mode;
import io.jaconet.linux.ForwardingEntry.Nexthop;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.Backend;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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

  /** {@code RTPROT_BOOT}, which flanneld's routes bear. */
  private static final int BOOT = 3;

  /** How often another id is tried for a nexthop object in one call, should the kernel say each time that it is taken. */
  private static final int MOST_ATTEMPTS = 16;

  private static final int RTN_UNICAST = 1;

  private final ForwardingTables tables;
  private final int link;
  private final IpPrefix network;
  private final NexthopIds nexthopIds;
  private final RepairBudget budget;
  private final Set<Kind> kinds;
  private final Map<Subnets, ImmutableList<ForwardingEntry>> wanted = new HashMap<>();
  private final Map<Object, Wish> wishes = new HashMap<>();
  private final Map<Object, Trouble> troubles = new HashMap<>();
  private final Set<Kind> doubtful = EnumSet.noneOf(Kind.class);
  private boolean nexthopObjects = true;
  private boolean audited;
  private int round;

  /** The tables of the kernel's, in the order in which they are compared: a route's nexthop object comes before it. */
  private enum Kind {
    NEIGHBORS,
    FDB,
    NEXTHOPS,
    ROUTES;

    static Kind of(ForwardingEntry entry) {
      if (entry instanceof ForwardingEntry.Neighbor) {
        return NEIGHBORS;
      }
      if (entry instanceof ForwardingEntry.Fdb) {
        return FDB;
      }
      return entry instanceof Route ? ROUTES : NEXTHOPS;
    }
  }

  /** Why something is not as wanted; of no peer if it is there and should not be. */
  private record Trouble(@Nullable Subnets peer, String reason) {}

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
    this(tables, link, network, idSeed, budget, EnumSet.allOf(Kind.class));
  }

  private PeerTable(
      ForwardingTables tables,
      int link,
      IpPrefix network,
      int idSeed,
      RepairBudget budget,
      Set<Kind> kinds) {
    this.tables = tables;
    this.link = link;
    this.network = network;
    this.nexthopIds = new NexthopIds(idSeed);
    this.budget = budget;
    this.kinds = kinds;
  }

  /** Creates a table of no routes of a device that knows neither neighbors nor nexthop objects: all that is wanted of it are routes. */
  public static PeerTable ofRoutes(
      ForwardingTables tables, int link, IpPrefix network, RepairBudget budget) {
    return new PeerTable(tables, link, network, 0, budget, EnumSet.of(Kind.ROUTES));
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
    return note(edits).execute();
  }

  private Plan note(List<Edit> edits) {
    var plan = new Plan();
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
        if (usesNexthopObject(entry)) {
          want(edit.peer(), nexthop(gateway((Route) entry)), gone, plan);
        }
        want(edit.peer(), entry, gone, plan);
      }
    }
    gone.values().forEach(wish -> plan.withdraw(wish));
    return plan;
  }

  private void drop(Subnets peer, ForwardingEntry entry, Map<Object, Wish> gone) {
    if (usesNexthopObject(entry)) {
      drop(peer, nexthop(gateway((Route) entry)), gone);
    }
    Object key = Wish.key(entry);
    var wish = wishes.get(key);
    if (wish != null && wish.peer.equals(peer)) {
      wishes.remove(key);
      troubles.remove(key);
      gone.put(key, wish);
    }
  }

  private void want(Subnets peer, ForwardingEntry entry, Map<Object, Wish> gone, Plan plan) {
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
      plan.write(wish, old != null && old.stands, null);
    }
  }

  /**
   * Compares what the kernel has with what is wanted of all peers, and writes the difference.
   *
   * @throws IOException if the kernel could not be asked
   */
  public Outcome audit() throws IOException {
    var outcome = compare(kinds).execute();
    audited = true;
    return outcome;
  }

  /**
   * Does what {@link #audit} does for the tables in which, by what was {@linkplain #hear heard}, something is not as wanted.
   *
   * @throws IOException if the kernel could not be asked; what was heard is not forgotten then
   */
  public Outcome mend() throws IOException {
    if (doubtful.isEmpty()) {
      return new Plan().execute();
    }
    // What is pending may hang on a table that nothing was heard of.
    boolean all = !troubles.isEmpty() || doubtful.containsAll(kinds);
    return all ? audit() : compare(EnumSet.copyOf(doubtful)).execute();
  }

  /** Returns whether {@link #mend} has something to look at. */
  public boolean isDoubtful() {
    return !doubtful.isEmpty();
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
          || change.nexthop() != null && isOurs(change.nexthop());
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
      doubt(asWanted, change.address(), Kind.NEIGHBORS);
    } else if (event instanceof NetlinkEvent.FdbChanged change && change.linkIndex() == link) {
      var wish = wishes.get(change.mac());
      boolean asWanted = wish == null
          ? change.removed() || !change.permanent()
          : !change.removed()
              && change.permanent()
              && ((ForwardingEntry.Fdb) wish.entry).destination().equals(change.destination());
      doubt(asWanted, change.mac(), Kind.FDB);
    } else if (event instanceof NetlinkEvent.NexthopChanged change) {
      hear(change);
    } else if (event instanceof NetlinkEvent.RouteChanged change) {
      hear(change);
    } else if (event instanceof NetlinkEvent.Lost) {
      doubtful.addAll(kinds);
    }
  }

  private void hear(NetlinkEvent.NexthopChanged change) {
    var nexthop = change.nexthop();
    boolean isOurs = nexthop != null && isOurs(nexthop);
    boolean isWanted = nexthop != null && isOurs && nexthopIds.of(nexthop.gateway()) == change.id();
    boolean asWanted = isWanted
        ? !change.removed()
        : !nexthopIds.isBound(change.id()) && (change.removed() || !isOurs);
    Object key = nexthop == null ? change.id() : Wish.key(nexthop);
    doubt(asWanted, key, Kind.NEXTHOPS);
    doubt(asWanted, key, Kind.ROUTES);
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
        : is(route, (Route) wish.entry) != change.removed();
    // Another's route that is gone may have been in the way of one of ours.
    boolean inTheWay = wish != null && change.removed() && troubles.containsKey(key);
    doubt(asWanted && !inTheWay, key, Kind.ROUTES);
  }

  private void doubt(boolean asWanted, Object key, Kind kind) {
    boolean isLeftAlone = troubles.containsKey(key) && budget.whyLeft(key).isPresent();
    if (!asWanted && !isLeftAlone && kinds.contains(kind)) {
      doubtful.add(kind);
    }
  }

  private boolean is(KernelRoute route, Route wanted) {
    if (route.type() != RTN_UNICAST || route.protocol() != wanted.protocol()) {
      return false;
    }
    if (usesNexthopObject(wanted)) {
      return route.nexthopId() != 0 && route.nexthopId() == nexthopIds.of(gateway(wanted));
    }
    return route.nexthopId() == 0
        && route.hops().size() == 1
        && route.hops().get(0).linkIndex() == wanted.linkIndex()
        && Objects.equals(route.hops().get(0).gateway(), wanted.gateway());
  }

  /** Takes note that the kernel dropped all entries along with a change of the link, which is mended as one thing. */
  public void linkWasReset() {
    wishes.values().forEach(wish -> wish.stands = false);
    doubtful.addAll(kinds);
  }

  private Plan compare(Set<Kind> doubted) throws IOException {
    round++;
    troubles.values().removeIf(trouble -> trouble.peer == null);
    var plan = new Plan();
    Map<Wish, ForwardingEntry> changed = new LinkedHashMap<>();
    for (Kind kind : doubted) {
      for (ForwardingEntry found : observe(kind)) {
        var wish = wishes.get(Wish.key(found));
        if (wish == null || wish.seen == round) {
          plan.remove(found);
        } else if (matches(wish.entry, found)) {
          settle(wish);
          wish.seen = round;
        } else if (found instanceof Nexthop || changed.putIfAbsent(wish, found) != null) {
          plan.remove(found);
        }
      }
    }
    changed.forEach((wish, found) -> {
      if (wish.seen == round) {
        plan.remove(found);
      }
    });
    for (Wish wish : wishes.values()) {
      if (wish.seen != round && doubted.contains(Kind.of(wish.entry))) {
        plan.mend(wish, changed.get(wish));
      }
    }
    doubtful.removeAll(doubted);
    return plan;
  }

  /** Returns what one of the kernel's tables has of ours. */
  private List<ForwardingEntry> observe(Kind kind) throws IOException {
    return switch (kind) {
      case NEIGHBORS -> List.copyOf(tables.neighbors(link));
      case FDB -> List.copyOf(tables.fdb(link));
      case NEXTHOPS -> observeNexthops();
      case ROUTES -> observeRoutes();
    };
  }

  private List<ForwardingEntry> observeNexthops() throws IOException {
    nexthopIds.forgetTaken();
    List<ForwardingEntry> ours = new ArrayList<>();
    for (Nexthop nexthop : tables.nexthops(0)) {
      nexthopIds.seen(nexthop.id());
      if (isOurs(nexthop)) {
        if (nexthopIds.of(nexthop.gateway()) == 0 && wishes.containsKey(Wish.key(nexthop))) {
          nexthopIds.bind(nexthop.gateway(), nexthop.id());
        }
        ours.add(nexthop);
      }
    }
    return ours;
  }

  private boolean isOurs(Nexthop nexthop) {
    return nexthop.linkIndex() == link && nexthop.protocol() == PROTOCOL;
  }

  private List<ForwardingEntry> observeRoutes() throws IOException {
    List<ForwardingEntry> ours = new ArrayList<>();
    for (Route route : tables.routes(link, BOOT)) {
      if (network.contains(route.destination())
          && route.destination().base().equals(route.gateway())) {
        ours.add(route);
      }
    }
    for (Route route : tables.routes(0, PROTOCOL)) {
      if (network.contains(route.destination())) {
        ours.add(route);
      }
    }
    return ours;
  }

  private boolean matches(ForwardingEntry entry, ForwardingEntry found) {
    if (entry instanceof Nexthop) {
      var nexthop = (Nexthop) found;
      return nexthop.id() == nexthopIds.of(nexthop.gateway());
    }
    if (usesNexthopObject(entry)) {
      var route = (Route) found;
      return route.nexthopId() != 0
          && route.nexthopId() == nexthopIds.of(gateway((Route) entry))
          && route.protocol() == ((Route) entry).protocol();
    }
    return entry.equals(found);
  }

  private void settle(Wish wish) {
    wish.stands = true;
    if (!troubles.isEmpty()) {
      troubles.remove(Wish.key(wish.entry));
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
    plan.execute();
    if (plan.leftOver != null) {
      throw plan.leftOver.toException();
    }
  }

  private boolean usesNexthopObject(ForwardingEntry entry) {
    return nexthopObjects
        && kinds.contains(Kind.NEXTHOPS)
        && entry instanceof Route route
        && route.linkIndex() == link
        && route.gateway() != null;
  }

  /** Returns the index of the device. */
  public int link() {
    return link;
  }

  private static IpAddress gateway(Route route) {
    var gateway = route.gateway();
    if (gateway == null) {
      throw new IllegalArgumentException("a route without gateway: " + route);
    }
    return gateway;
  }

  private Nexthop nexthop(IpAddress gateway) {
    return new Nexthop(nexthopIds.of(gateway), link, gateway, PROTOCOL);
  }

  /** Returns the entry as it is written: a nexthop object with its id, a gateway route by way of its nexthop object. */
  private ForwardingEntry realized(ForwardingEntry entry) {
    if (entry instanceof Nexthop nexthop) {
      return nexthop(nexthop.gateway());
    }
    if (!usesNexthopObject(entry)) {
      return entry;
    }
    var route = (Route) entry;
    int id = nexthopIds.of(gateway(route));
    return new Route(route.destination(), link, null, false, id, route.protocol(), route.metric());
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
   */
  public record Outcome(
      ImmutableMap<Subnets, String> pending,
      @Nullable String trouble,
      int writes,
      ImmutableList<Backend.Repair> repairs) {}

  /**
   * A write.
   *
   * @param wish what it is for, null if it removes something
   * @param peer whose entry it is, null if nobody's
   */
  private record Step(
      @Nullable Wish wish,
      @Nullable Subnets peer,
      Mode mode,
      ForwardingEntry entry,
      Backend.@Nullable Repair repair) {}

  private record Refusal(Step step, EntryFailure failure) {}

  /** The writes of one call, in an order in which traffic never goes where nothing is yet, or nothing any more. */
  private final class Plan {
    private final List<Step> removedRoutes = new ArrayList<>();
    private final List<Step> removedVteps = new ArrayList<>();
    private final List<Step> removedNexthops = new ArrayList<>();
    private final List<Step> vteps = new ArrayList<>();
    private final List<Step> nexthops = new ArrayList<>();
    private final List<Step> routes = new ArrayList<>();
    private final Set<Subnets> failed = new HashSet<>();
    private final Map<Subnets, String> unremoved = new HashMap<>();
    private final ImmutableList.Builder<Backend.Repair> repairs = ImmutableList.builder();
    private @Nullable EntryFailure leftOver;
    private int writes;

    /** Plans to put back what others changed, or to write what never was. */
    void mend(Wish wish, @Nullable ForwardingEntry found) {
      if (!wish.stands) {
        write(wish, found != null, null);
        return;
      }
      Object key = Wish.key(wish.entry);
      String name = Wish.name(realized(wish.entry));
      var whyLeft = budget.whyLeft(key);
      if (whyLeft.isPresent()) {
        troubles.put(key, new Trouble(wish.peer, name + " was " + whyLeft.get()));
      } else {
        write(
            wish,
            true,
            new Backend.Repair(name, Wish.describe(realized(wish.entry)), Wish.describe(found)));
      }
    }

    /** @param inPlace whether what is in the entry's place, if anything is, is ours or was put there instead of ours */
    void write(Wish wish, boolean inPlace, Backend.@Nullable Repair repair) {
      wish.stands = false;
      Mode mode = inPlace || !isShared(wish.entry) ? Mode.REPLACE : Mode.CREATE;
      if (wish.entry instanceof Nexthop nexthop && nexthopIds.of(nexthop.gateway()) == 0) {
        mode = Mode.CREATE;
      }
      steps(Kind.of(wish.entry), vteps, nexthops, routes)
          .add(new Step(wish, wish.peer, mode, wish.entry, repair));
    }

    /** Plans to remove what was wanted until now. */
    void withdraw(Wish wish) {
      var entry = realized(wish.entry);
      if (!(entry instanceof Nexthop nexthop && nexthop.id() == 0)) {
        removals(entry).add(new Step(null, wish.peer, Mode.REMOVE, entry, null));
      }
    }

    /** Plans to remove what is there and ours, but of no peer. */
    void remove(ForwardingEntry found) {
      Backend.Repair repair = null;
      if (audited) {
        Object key = Wish.key(found);
        var whyLeft = budget.whyLeft(key);
        if (whyLeft.isPresent()) {
          troubles.putIfAbsent(key, new Trouble(null, Wish.name(found) + " was " + whyLeft.get()));
          return;
        }
        repair = new Backend.Repair(Wish.name(found), "", Wish.describe(found));
      }
      removals(found).add(new Step(null, null, Mode.REMOVE, found, repair));
    }

    private List<Step> removals(ForwardingEntry entry) {
      return steps(Kind.of(entry), removedVteps, removedNexthops, removedRoutes);
    }

    /** Returns whether others' entries may have the same key. */
    private boolean isShared(ForwardingEntry entry) {
      return entry instanceof Route || entry instanceof Nexthop;
    }

    private List<Step> steps(
        Kind kind, List<Step> ofVteps, List<Step> ofNexthops, List<Step> ofRoutes) {
      return switch (kind) {
        case NEIGHBORS, FDB -> ofVteps;
        case NEXTHOPS -> ofNexthops;
        case ROUTES -> ofRoutes;
      };
    }

    Outcome execute() throws IOException {
      // What goes, goes first: the kernel has one place for a MAC or an address.
      write(removedRoutes);
      write(removedVteps);
      write(vteps);
      writeNexthops();
      // The routes are last: once one exists packets flow, and without the neighbor the kernel
      // would ask for an address that nobody answers for.
      write(routes);
      write(removedNexthops);
      for (Step step : removedNexthops) {
        var nexthop = (Nexthop) step.entry;
        if (nexthopIds.of(nexthop.gateway()) == nexthop.id()) {
          nexthopIds.release(nexthop.gateway());
        }
      }
      return outcome();
    }

    private Outcome outcome() {
      Map<Subnets, String> pending = new HashMap<>(unremoved);
      String ofNoPeer = null;
      for (Trouble trouble : troubles.values()) {
        if (trouble.peer == null) {
          ofNoPeer = trouble.reason;
        } else {
          pending.putIfAbsent(trouble.peer, trouble.reason);
        }
      }
      return new Outcome(ImmutableMap.copyOf(pending), ofNoPeer, writes, repairs.build());
    }

    private void writeNexthops() throws IOException {
      List<Step> todo = nexthops;
      for (int attempt = 1; !todo.isEmpty(); attempt++) {
        for (Step step : todo) {
          var gateway = ((Nexthop) step.entry).gateway();
          if (nexthopIds.of(gateway) == 0) {
            nexthopIds.allocate(gateway);
          }
        }
        List<Step> again = new ArrayList<>();
        for (Refusal refusal : attempt(todo)) {
          var gateway = ((Nexthop) refusal.step.entry).gateway();
          int id = nexthopIds.of(gateway);
          nexthopIds.release(gateway);
          switch (refusal.failure.errno()) {
            case Errno.EEXIST -> {
              nexthopIds.seen(id);
              if (attempt == MOST_ATTEMPTS) {
                fail(refusal);
              } else {
                again.add(refusal.step);
              }
            }
            case Errno.EOPNOTSUPP -> doWithoutNexthopObjects();
            default -> fail(refusal);
          }
        }
        todo = nexthopObjects ? again : List.of();
      }
    }

    private void doWithoutNexthopObjects() {
      nexthopObjects = false;
      wishes.values().removeIf(wish -> wish.entry instanceof Nexthop);
    }

    private void write(List<Step> steps) throws IOException {
      for (Refusal refusal : attempt(steps)) {
        fail(refusal);
      }
    }

    /** Writes the steps, except additions for a peer that already lacks something, and returns what the kernel refused. */
    private List<Refusal> attempt(List<Step> steps) throws IOException {
      List<Step> attempted = new ArrayList<>(steps.size());
      List<EntryChange> changes = new ArrayList<>(steps.size());
      for (Step step : steps) {
        if (step.wish == null || !failed.contains(step.wish.peer)) {
          attempted.add(step);
          changes.add(
              new EntryChange(step.mode, step.wish == null ? step.entry : realized(step.entry)));
        }
      }
      if (attempted.isEmpty()) {
        return List.of();
      }
      List<Refusal> refusals = new ArrayList<>();
      int at = 0;
      for (EntryFailure failure : tables.apply(changes)) {
        for (; !changes.get(at).equals(failure.change()); at++) {
          done(attempted.get(at));
        }
        refusals.add(new Refusal(attempted.get(at++), failure));
      }
      for (; at < attempted.size(); at++) {
        done(attempted.get(at));
      }
      writes += attempted.size() - refusals.size();
      return refusals;
    }

    private void done(Step step) {
      if (step.wish != null) {
        settle(step.wish);
      }
      if (step.repair != null) {
        // What could not be written was not undone by anybody.
        budget.spend(Wish.key(step.entry));
        repairs.add(step.repair);
      }
    }

    private void fail(Refusal refusal) {
      var step = refusal.step;
      if (refusal.failure.alreadyGone()) {
        return;
      }
      String reason = refusal.failure.toString();
      if (step.wish == null) {
        if (step.peer == null) {
          leftOver = refusal.failure;
          troubles.putIfAbsent(Wish.key(step.entry), new Trouble(null, reason));
        } else {
          unremoved.put(step.peer, reason);
        }
        return;
      }
      if (refusal.failure.alreadyThere() && step.entry instanceof Route route) {
        reason = "another's route is in the way; see 'ip route show " + route.destination() + "'";
      }
      failed.add(step.wish.peer);
      troubles.put(Wish.key(step.entry), new Trouble(step.wish.peer, reason));
    }
  }
}
