package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.EntryChange.Mode;
import io.jaconet.linux.ForwardingEntry.Nexthop;
import io.jaconet.linux.ForwardingEntry.Route;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
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
 * the link also those that flanneld makes; nexthop objects of the link that bear {@code PROTOCOL}. Nothing else is ever changed or removed. A
 * route of another's in the place of one of ours leaves the peer pending, with the reason.
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

  private final ForwardingTables tables;
  private final int link;
  private final IpPrefix network;
  private final NexthopIds nexthopIds;
  private final Set<IpPrefix> blocked = new HashSet<>();
  private boolean nexthopObjects = true;

  /**
   * @param link the index of the device
   * @param network the overlay's prefix; routes outside are never touched
   * @param idSeed differs between the networks of one namespace, so that their nexthop ids do
   */
  public PeerTable(ForwardingTables tables, int link, IpPrefix network, int idSeed) {
    this.tables = tables;
    this.link = link;
    this.network = network;
    this.nexthopIds = new NexthopIds(idSeed);
  }

  /**
   * Writes the difference between what was wanted of some peers and what is wanted now.
   *
   * @throws IOException if the kernel could not be asked
   */
  public Outcome apply(ImmutableList<Edit> edits) throws IOException {
    var plan = new Plan();
    for (Edit edit : edits) {
      Map<Object, ForwardingEntry> old = new HashMap<>();
      edit.before().forEach(entry -> old.put(key(entry), realized(entry)));
      edit.after().forEach(entry -> plan.want(edit.peer(), entry, old.remove(key(entry))));
      old.values().forEach(entry -> plan.remove(edit.peer(), entry));
      plan.removeUnusedNexthops(edit);
    }
    return plan.execute();
  }

  /**
   * Compares what the kernel has with what is wanted of all peers, and writes the difference. If the kernel refuses to remove something that
   * belongs to no peer, that is pending under the whole network.
   *
   * @throws IOException if the kernel could not be asked
   */
  public Outcome audit(ImmutableMap<Subnets, ImmutableList<ForwardingEntry>> wanted)
      throws IOException {
    var plan = compare(wanted);
    var outcome = plan.execute();
    if (plan.leftOver == null) {
      return outcome;
    }
    var pending = new HashMap<>(outcome.pending());
    pending.put(Subnets.of(network), plan.leftOver.toString());
    return new Outcome(ImmutableMap.copyOf(pending), outcome.writes());
  }

  private Plan compare(ImmutableMap<Subnets, ImmutableList<ForwardingEntry>> wanted)
      throws IOException {
    nexthopIds.forgetAll();
    blocked.clear();
    Map<Object, ForwardingEntry> observed = observe();
    var plan = new Plan();
    wanted.forEach((peer, entries) -> {
      for (ForwardingEntry entry : entries) {
        plan.want(peer, entry, observed.remove(key(entry)));
        if (usesNexthopObject(entry)) {
          observed.remove(nexthopIds.of(gateway((Route) entry)));
        }
      }
    });
    observed.values().forEach(entry -> plan.remove(null, entry));
    return plan;
  }

  /**
   * Removes everything of ours.
   *
   * @throws IOException if the kernel could not be asked, or refused to remove something; all else is removed
   */
  public void clear() throws IOException {
    var plan = compare(ImmutableMap.of());
    plan.execute();
    if (plan.leftOver != null) {
      throw plan.leftOver.toException();
    }
  }

  /** Returns what the kernel has of ours. */
  private Map<Object, ForwardingEntry> observe() throws IOException {
    Map<Object, ForwardingEntry> observed = new HashMap<>();
    for (Nexthop nexthop : tables.nexthops(0)) {
      nexthopIds.seen(nexthop.id());
      if (nexthop.linkIndex() == link && nexthop.protocol() == PROTOCOL) {
        nexthopIds.bind(nexthop.gateway(), nexthop.id());
        observed.put(key(nexthop), nexthop);
      }
    }
    tables.neighbors(link).forEach(neighbor -> observed.put(key(neighbor), neighbor));
    tables.fdb(link).forEach(entry -> observed.put(key(entry), entry));
    for (Route route : tables.routes(link, BOOT)) {
      if (network.contains(route.destination())
          && route.destination().base().equals(route.gateway())) {
        observed.put(key(route), route);
      }
    }
    for (Route route : tables.routes(0, PROTOCOL)) {
      if (network.contains(route.destination())) {
        observed.put(key(route), route);
      }
    }
    return observed;
  }

  /** Returns what tells an entry from others for the kernel; keys of different kinds are of different types. */
  private static Object key(ForwardingEntry entry) {
    if (entry instanceof ForwardingEntry.Neighbor neighbor) {
      return neighbor.address();
    }
    if (entry instanceof ForwardingEntry.Fdb fdb) {
      return fdb.mac();
    }
    return entry instanceof Route route ? route.destination() : ((Nexthop) entry).id();
  }

  private boolean usesNexthopObject(ForwardingEntry entry) {
    return nexthopObjects
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

  /** Returns the entry as it is written: a gateway route by way of its nexthop object. */
  private ForwardingEntry realized(ForwardingEntry entry) {
    if (!usesNexthopObject(entry)) {
      return entry;
    }
    var route = (Route) entry;
    int id = nexthopIds.of(gateway(route));
    return new Route(route.destination(), link, null, false, id, route.protocol(), route.metric());
  }

  /**
   * What is wanted of one peer.
   *
   * @param before what was wanted when the peer was last told of, empty if it is new
   * @param after what is wanted now, empty if it is gone
   */
  public record Edit(
      Subnets peer, ImmutableList<ForwardingEntry> before, ImmutableList<ForwardingEntry> after) {}

  /**
   * What came of it.
   *
   * @param pending why a peer is not as wanted
   * @param writes how many entries were written or removed
   */
  public record Outcome(ImmutableMap<Subnets, String> pending, int writes) {}

  /** A write on behalf of a peer; of none if it removes what belongs to nobody. */
  private record Step(@Nullable Subnets peer, Mode mode, ForwardingEntry entry) {}

  private record Refusal(Step step, EntryFailure failure) {}

  /** The writes of one call, in an order in which traffic never goes where nothing is yet, or nothing any more. */
  private final class Plan {
    private final List<Step> removedRoutes = new ArrayList<>();
    private final List<Step> removedVteps = new ArrayList<>();
    private final List<Step> removedNexthops = new ArrayList<>();
    private final List<Step> vteps = new ArrayList<>();
    private final List<Step> nexthops = new ArrayList<>();
    private final List<Step> routes = new ArrayList<>();
    private final Map<Subnets, String> pending = new HashMap<>();
    private @Nullable EntryFailure leftOver;
    private int writes;

    /** Plans to have {@code entry} where {@code found} is, if anything is. */
    void want(Subnets peer, ForwardingEntry entry, @Nullable ForwardingEntry found) {
      if (usesNexthopObject(entry)) {
        IpAddress gateway = gateway((Route) entry);
        if (nexthopIds.of(gateway) == 0) {
          nexthops.add(new Step(peer, Mode.CREATE, nexthop(gateway, nexthopIds.allocate(gateway))));
        }
      }
      boolean inPlace =
          found != null && !(entry instanceof Route route && blocked.contains(route.destination()));
      if (inPlace && realized(entry).equals(found)) {
        return;
      }
      if (entry instanceof Route) {
        routes.add(new Step(peer, inPlace ? Mode.REPLACE : Mode.CREATE, entry));
      } else {
        vteps.add(new Step(peer, Mode.REPLACE, entry));
      }
    }

    void remove(@Nullable Subnets peer, ForwardingEntry entry) {
      List<Step> kind = removedVteps;
      if (entry instanceof Route) {
        kind = removedRoutes;
      } else if (entry instanceof Nexthop) {
        kind = removedNexthops;
      }
      kind.add(new Step(peer, Mode.REMOVE, entry));
    }

    /** Plans to remove the nexthop objects of gateways that a peer no longer has. */
    void removeUnusedNexthops(Edit edit) {
      for (ForwardingEntry entry : edit.before()) {
        if (usesNexthopObject(entry)
            && edit.after().stream().noneMatch(after -> sameGateway(entry, after))) {
          IpAddress gateway = gateway((Route) entry);
          int id = nexthopIds.of(gateway);
          if (id != 0) {
            remove(edit.peer(), nexthop(gateway, id));
          }
        }
      }
    }

    private boolean sameGateway(ForwardingEntry a, ForwardingEntry b) {
      return usesNexthopObject(b) && gateway((Route) a).equals(gateway((Route) b));
    }

    private Nexthop nexthop(IpAddress gateway, int id) {
      return new Nexthop(id, link, gateway, PROTOCOL);
    }

    Outcome execute() throws IOException {
      // A MAC or an address may move from one peer to another in one call: what goes, goes first.
      write(removedRoutes);
      write(removedVteps);
      write(vteps);
      writeNexthops();
      // The routes are last: once one exists packets flow, and without the neighbor the kernel
      // would ask for an address that nobody answers for.
      write(routes);
      write(removedNexthops);
      removedNexthops.forEach(step -> nexthopIds.release(((Nexthop) step.entry).gateway()));
      return new Outcome(ImmutableMap.copyOf(pending), writes);
    }

    private void writeNexthops() throws IOException {
      List<Step> todo = nexthops;
      for (int attempt = 1; !todo.isEmpty(); attempt++) {
        List<Step> again = new ArrayList<>();
        for (Refusal refusal : attempt(todo)) {
          var nexthop = (Nexthop) refusal.step.entry;
          nexthopIds.release(nexthop.gateway());
          switch (refusal.failure.errno()) {
            case Errno.EEXIST -> {
              nexthopIds.seen(nexthop.id());
              if (attempt == MOST_ATTEMPTS) {
                fail(refusal);
                continue;
              }
              var other = nexthop(nexthop.gateway(), nexthopIds.allocate(nexthop.gateway()));
              again.add(new Step(refusal.step.peer, Mode.CREATE, other));
            }
            case Errno.EOPNOTSUPP -> nexthopObjects = false;
            default -> fail(refusal);
          }
        }
        todo = nexthopObjects ? again : List.of();
      }
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
        if (step.mode == Mode.REMOVE || !pending.containsKey(step.peer)) {
          attempted.add(step);
          changes.add(new EntryChange(
              step.mode, step.mode == Mode.REMOVE ? step.entry : realized(step.entry)));
          blocked.remove(key(step.entry));
        }
      }
      if (attempted.isEmpty()) {
        return List.of();
      }
      List<Refusal> refusals = new ArrayList<>();
      int at = 0;
      for (EntryFailure failure : tables.apply(changes)) {
        while (!changes.get(at).equals(failure.change())) {
          at++;
        }
        refusals.add(new Refusal(attempted.get(at), failure));
      }
      writes += attempted.size() - refusals.size();
      return refusals;
    }

    private void fail(Refusal refusal) {
      var step = refusal.step;
      if (refusal.failure.alreadyGone()) {
        return;
      }
      if (step.peer == null) {
        leftOver = refusal.failure;
        return;
      }
      String reason = refusal.failure.toString();
      if (refusal.failure.alreadyThere() && step.entry instanceof Route route) {
        blocked.add(route.destination());
        reason = "another's route is in the way; see 'ip route show " + route.destination() + "'";
      }
      pending.put(step.peer, reason);
    }
  }
}
