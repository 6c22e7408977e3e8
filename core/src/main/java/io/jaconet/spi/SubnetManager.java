package io.jaconet.spi;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.LeaseGrant;
import io.jaconet.overlay.LeaseLostException;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NoFreeSubnetException;
import io.jaconet.overlay.PublicIpInUseException;
import io.jaconet.overlay.UnreadableRecord;
import java.io.IOException;

/**
 * Says which host has which subnet. At any moment a subnet has at most one holder.
 *
 * <p>Methods may block, are called from threads of an I/O executor, several at a time, and end within a bounded time. An interrupt ends
 * them early with an {@link java.io.InterruptedIOException}. One manager may serve many networks of a JVM.
 */
public interface SubnetManager extends AutoCloseable {

  /**
   * Gives the node a lease: the one it holds already, else the previous one if it is free and fits the configuration, else a free one.
   * What the node published before is replaced by {@code request.attributes()}. Races that are lost to other nodes are tried again.
   *
   * <p>A lease is the node's if it was written under its node id or, where there is none, if flanneld wrote it for the node's public IP. A
   * lease of the node that does not fit the configuration is given up. A reservation (a record without an end) stays one.
   *
   * @throws NoFreeSubnetException if every subnet is taken
   * @throws PublicIpInUseException if another node holds a live lease with the same public IP
   * @throws IOException if the outcome is unknown; asking again is safe
   */
  LeaseGrant acquire(LeaseRequest request) throws IOException;

  /**
   * Prolongs a lease and publishes {@code attributes} with it.
   *
   * @param lease the lease as the last acquire or renew returned it
   * @throws LeaseLostException if it is no longer the node's; then it must not be used any more
   * @throws IOException if the outcome is unknown; asking again is safe
   */
  LeaseGrant renew(Lease lease, LeaseAttributes attributes) throws IOException;

  /**
   * Gives the lease back, so that another node may have its subnets. Does nothing if it is no longer the node's, or is a reservation: what
   * was set aside for a node by hand stays so.
   *
   * @param lease the lease as the last acquire or renew returned it
   */
  void release(Lease lease) throws IOException;

  /**
   * Removes what is written under the node's id but is not the lease that the node holds: a write of its own that reached the store late,
   * after its answer had been given up. To peers it looks like a second host with the same address, and they keep away from the younger of
   * the two. Does nothing if it was written again since, or is a reservation. Does nothing at all unless overridden: where a node has
   * one record at most, there is never a second.
   *
   * @param stray the lease as a watch reported it
   */
  default void discard(Lease stray) throws IOException {}

  /**
   * Reports all leases, that of the caller included: first a snapshot, then every change. Returns without waiting for the snapshot.
   *
   * <p>Applying the events to the snapshot gives at every moment what a later snapshot would say. The watcher is called from one thread at
   * a time, and not at all after {@link Watch#close} has returned. It is told of a failure at most once, as its last call: the caller then
   * watches anew.
   */
  Watch watch(Watcher watcher) throws IOException;

  /** Ends all watches. Leases stay, and so does a store that the manager was given. Idempotent. */
  @Override
  void close() throws IOException;

  /** Receives what a watch reports. */
  interface Watcher {

    /** Everything there is. Comes first, and again whenever the manager had to start over. */
    void onSnapshot(ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable);

    /** One or more changes, in order. */
    void onEvents(ImmutableList<LeaseEvent> events);

    /** The watch is over. */
    void onFailure(IOException cause);
  }

  /** A watch that runs. */
  interface Watch extends AutoCloseable {

    /** Ends the watch. Idempotent; may be called from the watcher itself. */
    @Override
    void close();
  }
}
