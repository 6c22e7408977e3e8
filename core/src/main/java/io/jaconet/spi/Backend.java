package io.jaconet.spi;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.Underlay;
import java.io.Closeable;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The data path of one network on one host.
 *
 * <p>All methods except {@link #claims} and {@link #status} are called on the network's event loop, one at a time, and must not wait for anything but the
 * kernel. The calls come in this order: {@link #prepare}, {@link #open}, then {@link #watch} once, {@link #apply}, {@link #audit}, {@link
 * #repair}, {@link #suspend}, and {@code prepare} and {@code open} again as often as needed, and {@link #close} at any time, last and once.
 *
 * <p>A backend says what should be in the kernel, compares with what is, and writes the difference; it touches nothing that is not its
 * own. What fails for one peer is answered for that peer and holds up no other.
 */
public interface Backend {

  /**
   * Selects the underlay and makes the device, or adopts one that an earlier run left. Nothing is routed to it yet.
   *
   * <p>Called again when a {@link Report} says that the underlay changed: selects it anew, and changes the device to fit. {@code open} and
   * {@code audit} follow. What was published of the device stays so; the underlay's addresses and MTU may be others.
   *
   * @throws IOException if that is impossible; at the first call, nothing that was not there before is left behind
   */
  Preparation prepare() throws IOException;

  /**
   * Gives the device the addresses of {@code own} and brings it up. Also called after {@link #suspend}, and with another lease when the
   * own one had to change.
   *
   * @throws IOException if the kernel refused; calling again is safe
   */
  void open(Lease own) throws IOException;

  /**
   * Returns what of {@code peer} no other peer may have, such as a VTEP's MAC. Pure; may be called from any thread.
   *
   * @throws IllegalArgumentException if a peer with such a lease cannot be reached by this backend; the message says why
   */
  ImmutableSet<?> claims(Lease peer);

  /**
   * Makes the changes. Each peer is told of at most once in a call.
   *
   * @throws IOException if nothing can be done for any peer, the device being lost for example
   */
  Report apply(ImmutableList<PeerChange> changes) throws IOException;

  /**
   * Compares the kernel with what {@code peers}, all there are, ask for, and mends what differs: adds what is missing, corrects what was
   * changed, removes what is the backend's own and belongs to no peer. Writes nothing where nothing differs.
   *
   * @throws IOException if nothing can be done for any peer, the device being lost for example
   */
  Report audit(ImmutableList<Lease> peers) throws IOException;

  /**
   * Has {@code due} called, on a thread of the backend's, when something changed in the kernel that concerns the network and was not done
   * by the backend: a {@link #repair} is due then. One call is enough until {@code repair} was called. Most backends have no way to know,
   * and do nothing.
   *
   * @return what ends the calls
   */
  default Closeable watch(Runnable due) throws IOException {
    return () -> {};
  }

  /**
   * Does what {@link #audit} does, with the peers of its last call and all changes since, for what the backend heard of by its {@link
   * #watch}. Answers for all peers.
   *
   * @throws IOException if nothing can be done for any peer, the device being lost for example
   */
  default Report repair() throws IOException {
    return new Report(ImmutableMap.of(), 0);
  }

  /** Stops all traffic of the network through this host in both directions, until {@link #open} is called again. */
  void suspend() throws IOException;

  /** Returns what carries the packets now and what it has counted. May be called from any thread at any time. */
  default Status status() {
    return new Status(ImmutableMap.of(), ImmutableMap.of());
  }

  /**
   * Frees what the backend holds open, and leaves in the kernel what {@code mode} says; of a device that {@link #prepare} made and that was
   * never opened, nothing in any mode. Goes on after a failure and throws it at the end.
   */
  void close(CloseMode mode) throws IOException;

  /**
   * What a backend knows before there is a lease.
   *
   * @param underlay the side that carries encapsulated packets
   * @param attributes what to publish
   * @param overlayMtu the largest inner IP packet in bytes that every enabled family of the overlay carries unfragmented
   * @param tunnelPorts the UDP ports at which packets of peers arrive; empty if they arrive in no UDP packets
   */
  record Preparation(
      Underlay underlay,
      LeaseAttributes attributes,
      int overlayMtu,
      ImmutableSet<Integer> tunnelPorts) {

    /** Describes a data path without a UDP port of its own. */
    public Preparation(Underlay underlay, LeaseAttributes attributes, int overlayMtu) {
      this(underlay, attributes, overlayMtu, ImmutableSet.of());
    }
  }

  /**
   * What a backend says of itself, for people and their monitoring. Names are the backend's own and documented there.
   *
   * @param features what is in use, such as devices and offloads of the kernel's
   * @param counters counts since the data path was opened; empty while it is not
   */
  record Status(ImmutableMap<String, String> features, ImmutableMap<String, Long> counters) {}

  /**
   * A peer that came, went or changed.
   *
   * @param before what was applied last, null if the peer is new
   * @param after what shall be now, null if the peer is gone; of the same subnets as {@code before}
   */
  record PeerChange(@Nullable Lease before, @Nullable Lease after) {

    /** Returns the subnets of the peer. */
    public Subnets subnets() {
      var known = after != null ? after : before;
      if (known == null) {
        throw new IllegalStateException("a change of no peer");
      }
      return known.subnets();
    }
  }

  /**
   * Something that others changed and that is mended.
   *
   * @param object what it is, such as {@code route 10.244.7.0/24}
   * @param expected how it should be, and is again, in words; empty if it should not be there
   * @param found how it was found, in words; empty if it was gone
   */
  record Repair(String object, String expected, String found) {}

  /**
   * What came of a change, an audit or a repair. Every peer not in {@code pending} stands as wanted.
   *
   * @param pending why a peer is not (or not fully) as wanted; to be tried again
   * @param trouble what else is not as it should be, in words; null if nothing is
   * @param writes how many entries were written to or removed from the kernel
   * @param repairs what was mended of what others changed
   * @param retry whether something should be tried again before the next audit is due: it was refused, and not left as it is for having
   *     been mended too often
   * @param underlayChanged whether {@link #prepare} would answer otherwise than it did last
   */
  record Report(
      ImmutableMap<Subnets, String> pending,
      @Nullable String trouble,
      int writes,
      ImmutableList<Repair> repairs,
      boolean retry,
      boolean underlayChanged) {

    /** Reports of peers alone. */
    public Report(ImmutableMap<Subnets, String> pending, int writes) {
      this(pending, null, writes, ImmutableList.of(), !pending.isEmpty(), false);
    }
  }
}
