package io.jaconet.overlay;

/** A change of one lease in the store. */
public sealed interface LeaseEvent {

  /** A lease came to be, was renewed, or now says something else. */
  record Put(Lease lease) implements LeaseEvent {}

  /** A lease ended: released, expired or taken away. */
  record Removed(Subnets subnets) implements LeaseEvent {}

  /**
   * A record that cannot be read was written. If its key names subnets, a lease of these that was there before is no more. It says nothing
   * about any other lease.
   */
  record Unreadable(UnreadableRecord record) implements LeaseEvent {}

  /** A record that could not be read, and whose key names no subnets, is gone. */
  record Cleared(String key) implements LeaseEvent {}
}
