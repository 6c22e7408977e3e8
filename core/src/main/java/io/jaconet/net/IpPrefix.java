package io.jaconet.net;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.Immutable;
import io.jaconet.internal.Printable;
import org.jspecify.annotations.Nullable;

/**
 * An address prefix of either family in CIDR notation. Host bits are cleared, as flannel does when it reads one. Ordered by base
 * address, then the shorter prefix first, so that in a sorted set a prefix stands before all that it contains.
 */
@Immutable
public record IpPrefix(IpAddress base, int length) implements Comparable<IpPrefix> {
  // Loops rather than streams in this class: it is in the way of every first join, and they cost a
  // cold JVM 15 ms.
  private static final ImmutableList<IpPrefix> NOT_UNICAST = ImmutableList.of(
      parse("0.0.0.0/8"),
      parse("127.0.0.0/8"),
      parse("169.254.0.0/16"),
      parse("224.0.0.0/4"),
      parse("255.255.255.255/32"),
      parse("::/96"),
      parse("::ffff:0:0/96"),
      parse("fe80::/10"),
      parse("ff00::/8"));

  public IpPrefix {
    int bits = base.family().bits();
    checkArgument(
        length >= 0 && length <= bits,
        "/%s is not a prefix length of %s (0..%s)",
        length,
        base.family(),
        bits);
    base = base.masked(length);
  }

  /** Returns the prefix that holds {@code address} alone. */
  public static IpPrefix host(IpAddress address) {
    return new IpPrefix(address, address.family().bits());
  }

  /**
   * Parses {@code address/length}.
   *
   * @throws IllegalArgumentException if {@code text} is not that
   */
  public static IpPrefix parse(String text) {
    int slash = text.indexOf('/');
    if (slash <= 0) {
      throw new IllegalArgumentException(
          "'" + Printable.of(text) + "' is not an address prefix such as 10.244.0.0/16");
    }
    return new IpPrefix(
        IpAddress.parse(text.substring(0, slash)), parseLength(text, text.substring(slash + 1)));
  }

  private static int parseLength(String text, String digits) {
    boolean plain = !digits.isEmpty() && digits.length() <= 3;
    for (int i = 0; plain && i < digits.length(); i++) {
      plain = digits.charAt(i) >= '0' && digits.charAt(i) <= '9';
    }
    if (!plain) {
      throw new IllegalArgumentException(
          "'" + Printable.of(text) + "' has no prefix length after the slash");
    }
    return Integer.parseInt(digits);
  }

  /** Returns the family of the addresses. */
  public IpFamily family() {
    return base.family();
  }

  /** Returns the last address. */
  public IpAddress last() {
    return base.lastOf(length);
  }

  /** Returns whether {@code address} is of this family and inside. */
  public boolean contains(IpAddress address) {
    return address.family() == family() && address.masked(length).equals(base);
  }

  /** Returns whether every address of {@code other} is inside. */
  public boolean contains(IpPrefix other) {
    return other.length >= length && contains(other.base);
  }

  /** Returns whether the two share an address. */
  public boolean overlaps(IpPrefix other) {
    return length <= other.length ? contains(other) : other.contains(this);
  }

  /**
   * Returns whether every address in it may be a host's beyond its own link: none is unspecified, loopback, link-local, multicast,
   * broadcast or IPv4-mapped. 240.0.0.0/4 counts as unicast, which is how Linux treats it.
   */
  public boolean isUnicast() {
    for (var prefix : NOT_UNICAST) {
      if (overlaps(prefix)) {
        return false;
      }
    }
    return true;
  }

  /** Returns whether this is {@code 0.0.0.0/0} or {@code ::/0}. */
  public boolean isDefault() {
    return length == 0;
  }

  /**
   * Returns the prefix of the same length that follows.
   *
   * @throws ArithmeticException if this is the last one
   */
  public IpPrefix next() {
    return new IpPrefix(last().plus(1), length);
  }

  @Override
  public int compareTo(IpPrefix other) {
    int order = base.compareTo(other.base);
    return order == 0 ? Integer.compare(length, other.length) : order;
  }

  /** Written out, like {@code hashCode}, because a record's own is slow until it has been called very often. */
  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof IpPrefix other && length == other.length && base.equals(other.base);
  }

  @Override
  public int hashCode() {
    return 31 * base.hashCode() + length;
  }

  @Override
  public String toString() {
    return base + "/" + length;
  }
}
