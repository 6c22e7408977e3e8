package io.jaconet.overlay;

/** What remains of a network after it was closed. */
public enum CloseMode {
  /** Everything in the kernel and the lease: traffic goes on, the next start adopts what is there. */
  KEEP,
  /** The lease and the device; routes, forwarding entries and rules go, so traffic stops. */
  WITHDRAW,
  /** Nothing: everything of ours goes from the kernel and the lease is released. */
  PURGE
}
