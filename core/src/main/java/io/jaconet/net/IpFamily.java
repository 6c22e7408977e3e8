package io.jaconet.net;

/** An IP version: a value that rules for both families take as a parameter. */
public enum IpFamily {
  V4(32, 20),
  V6(128, 40);

  private final int bits;
  private final int headerBytes;

  IpFamily(int bits, int headerBytes) {
    this.bits = bits;
    this.headerBytes = headerBytes;
  }

  /** Returns the length of an address, in bits. */
  public int bits() {
    return bits;
  }

  /** Returns the length of an address, in bytes. */
  public int addressBytes() {
    return bits / Byte.SIZE;
  }

  /** Returns the length of an IP header without options or extension headers, in bytes. */
  public int headerBytes() {
    return headerBytes;
  }

  /** Returns the other family. */
  public IpFamily other() {
    return this == V4 ? V6 : V4;
  }

  @Override
  public String toString() {
    return this == V4 ? "IPv4" : "IPv6";
  }
}
