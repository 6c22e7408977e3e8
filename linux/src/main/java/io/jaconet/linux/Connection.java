package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import org.jspecify.annotations.Nullable;

/** A connection that the kernel tracks, with the addresses of its first packet and of the answers that are expected. */
public final class Connection {
  private final IpAddress source;
  private final IpAddress destination;
  private final IpAddress replySource;
  private final IpAddress replyDestination;
  private final boolean sourceTranslated;
  private final boolean destinationTranslated;
  private final byte[] tuple;
  private final byte[] id;
  private final byte @Nullable [] zone;

  Connection(
      IpAddress[] original,
      IpAddress[] reply,
      boolean sourceTranslated,
      boolean destinationTranslated,
      byte[] tuple,
      byte[] id,
      byte @Nullable [] zone) {
    this.source = original[0];
    this.destination = original[1];
    this.replySource = reply[0];
    this.replyDestination = reply[1];
    this.sourceTranslated = sourceTranslated;
    this.destinationTranslated = destinationTranslated;
    this.tuple = tuple;
    this.id = id;
    this.zone = zone;
  }

  /** Returns the source address of the first packet, as it came in or was sent. */
  public IpAddress source() {
    return source;
  }

  /** Returns the destination of the first packet, as it came in or was sent. */
  public IpAddress destination() {
    return destination;
  }

  /** Returns where answers come from: the destination after translation. */
  public IpAddress replySource() {
    return replySource;
  }

  /** Returns where answers go to: the source after translation. */
  public IpAddress replyDestination() {
    return replyDestination;
  }

  /** Returns whether the source is translated, if only to itself. */
  public boolean isSourceTranslated() {
    return sourceTranslated;
  }

  /** Returns whether the destination is translated. */
  public boolean isDestinationTranslated() {
    return destinationTranslated;
  }

  byte[] tuple() {
    return tuple;
  }

  byte[] id() {
    return id;
  }

  byte @Nullable [] zone() {
    return zone;
  }

  @Override
  public String toString() {
    return source + " -> " + destination + ", answers " + replySource + " -> " + replyDestination;
  }
}
