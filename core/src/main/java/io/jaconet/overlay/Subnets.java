package io.jaconet.overlay;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.Immutable;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The subnets of one lease: one prefix of a family, or one of each. This is also what names the lease in a store: flannel's key
 * {@code 10.5.52.0-24}, in dual stack {@code 10.5.52.0-24&fd00:12:13::-56}. A key of IPv6 alone, {@code fd00:12:13::-56}, has no
 * counterpart in flannel.
 */
@Immutable
public final class Subnets implements Comparable<Subnets> {
  private static final Pattern KEY = Pattern.compile(
      "(?<v4>[0-9.]{7,15})-(?<v4len>[0-9]{1,2})(&(?<v6>[0-9a-f:]{2,39})-(?<v6len>[0-9]{1,3}))?"
          + "|(?<only6>[0-9a-f:]{2,39})-(?<only6len>[0-9]{1,3})");

  private final @Nullable IpPrefix v4;
  private final @Nullable IpPrefix v6;

  private Subnets(@Nullable IpPrefix v4, @Nullable IpPrefix v6) {
    this.v4 = v4;
    this.v6 = v6;
  }

  /** Returns the subnets of a lease of one family. */
  public static Subnets of(IpPrefix prefix) {
    return prefix.family() == IpFamily.V4 ? new Subnets(prefix, null) : new Subnets(null, prefix);
  }

  /**
   * Returns the subnets of a dual-stack lease.
   *
   * @throws IllegalArgumentException unless the first is IPv4 and the second IPv6
   */
  public static Subnets of(IpPrefix v4, IpPrefix v6) {
    checkArgument(
        v4.family() == IpFamily.V4 && v6.family() == IpFamily.V6,
        "a dual-stack lease has an IPv4 and an IPv6 subnet, not %s and %s",
        v4,
        v6);
    return new Subnets(v4, v6);
  }

  /**
   * Parses a key in canonical form: no leading zeros, no host bits, IPv6 text in lower case as RFC 5952 has it, no length that
   * stands for a single address.
   *
   * @throws IllegalArgumentException if {@code key} is not that; the message says why
   */
  public static Subnets parseKey(String key) {
    Matcher m = KEY.matcher(key);
    checkArgument(
        key.length() <= 128 && m.matches(),
        "not a subnet key such as 10.5.52.0-24 or 10.5.52.0-24&fd00:12:13::-56");
    Subnets subnets = m.group("only6") != null
        ? of(prefix(m.group("only6"), m.group("only6len")))
        : m.group("v6") == null
            ? of(prefix(m.group("v4"), m.group("v4len")))
            : of(prefix(m.group("v4"), m.group("v4len")), prefix(m.group("v6"), m.group("v6len")));
    checkArgument(subnets.key().equals(key), "not in canonical form, which is %s", subnets.key());
    return subnets;
  }

  private static IpPrefix prefix(String address, String length) {
    var prefix = IpPrefix.parse(address + "/" + length);
    checkArgument(
        prefix.length() < prefix.family().bits(), "%s is a single address, not a subnet", prefix);
    return prefix;
  }

  /** Returns the subnet of {@code family}, if the lease has one. */
  public Optional<IpPrefix> prefix(IpFamily family) {
    return Optional.ofNullable(family == IpFamily.V4 ? v4 : v6);
  }

  /** Returns the one or two prefixes, IPv4 first. */
  public ImmutableList<IpPrefix> prefixes() {
    if (v4 == null) {
      return v6 == null ? ImmutableList.of() : ImmutableList.of(v6);
    }
    return v6 == null ? ImmutableList.of(v4) : ImmutableList.of(v4, v6);
  }

  /** Returns the text that names the lease in a store. */
  public String key() {
    if (v6 == null) {
      return v4 == null ? "" : part(v4);
    }
    return v4 == null ? part(v6) : part(v4) + "&" + part(v6);
  }

  private static String part(IpPrefix prefix) {
    return prefix.base() + "-" + prefix.length();
  }

  /** Returns whether the two share an address of either family. */
  public boolean overlaps(Subnets other) {
    return v4 != null && other.v4 != null && v4.overlaps(other.v4)
        || v6 != null && other.v6 != null && v6.overlaps(other.v6);
  }

  @Override
  public int compareTo(Subnets other) {
    int order = compare(v4, other.v4);
    return order == 0 ? compare(v6, other.v6) : order;
  }

  private static int compare(@Nullable IpPrefix a, @Nullable IpPrefix b) {
    if (a == null || b == null) {
      return Boolean.compare(a != null, b != null);
    }
    return a.compareTo(b);
  }

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof Subnets other
        && Objects.equals(v4, other.v4)
        && Objects.equals(v6, other.v6);
  }

  @Override
  public int hashCode() {
    return 31 * Objects.hashCode(v4) + Objects.hashCode(v6);
  }

  /** Returns the prefixes in CIDR notation. */
  @Override
  public String toString() {
    return v6 == null ? String.valueOf(v4) : v4 == null ? v6.toString() : v4 + " " + v6;
  }
}
