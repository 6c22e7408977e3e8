package io.jaconet.udp;

/**
 * What a data path counts, in packets unless it says otherwise. What is written in one piece for several packets of a flow counts as so
 * many, but as one if it is dropped before it was cut.
 */
public enum PacketCounter {
  /** Handed to the transport for a peer. */
  SENT,
  /** Of those, larger than the path to the peer takes, and so sent in fragments. */
  SENT_IN_FRAGMENTS,
  /** Inner bytes handed to the transport, without encapsulation, refused ones included. */
  SENT_BYTES,
  /** Handed to the port. */
  RECEIVED,
  /** Inner bytes of those, without encapsulation. */
  RECEIVED_BYTES,
  /** Dropped: not an IP packet, or its lengths contradict each other or the room it came in. */
  DROPPED_MALFORMED,
  /** Dropped on the way out: no peer has the destination. */
  DROPPED_NO_ROUTE,
  /** Dropped on the way out: to a multicast, broadcast or link-local address. */
  DROPPED_NOT_UNICAST,
  /** Dropped: its TTL or hop limit does not allow another hop. */
  DROPPED_TTL,
  /** Dropped on the way out: larger than the overlay's MTU, or than the path to the peer takes, and not to be fragmented. */
  DROPPED_TOO_BIG,
  /** Dropped on the way out: the transport of the peer's underlay refused it. */
  DROPPED_BY_TRANSPORT,
  /** Dropped on the way in: a frame of another VNI. */
  DROPPED_FOREIGN_VNI,
  /** Dropped on the way in: a frame to another MAC than that of the VTEP for its family, or to many. */
  DROPPED_FOREIGN_MAC,
  /** Dropped on the way in: a frame with something else than an IP packet, such as ARP. */
  DROPPED_NOT_IP,
  /** Dropped on the way in: the peer that sent it does not hold the subnet of its source. */
  DROPPED_FOREIGN_SOURCE,
  /** Dropped on the way in: the port did not take it. */
  DROPPED_BY_PORT,
  /** ICMP errors written to the port about dropped packets. */
  ICMP_ERRORS,
  /** ICMP errors not written because there were too many. */
  ICMP_ERRORS_SUPPRESSED
}
