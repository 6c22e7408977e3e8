package io.jaconet.udp;

/** Whom a data path believes the source address of a packet that came in. */
public enum SourceCheck {
  /** The peer that holds the source's subnet, sending from its published address. */
  STRICT,
  /** Any peer of the network, for a source that is in some peer's subnet. */
  LOOSE,
  /** Anybody who reaches the port: flannel's behavior. */
  OFF
}
