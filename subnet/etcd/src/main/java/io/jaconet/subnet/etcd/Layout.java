package io.jaconet.subnet.etcd;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Splitter;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Subnets;
import java.util.ArrayDeque;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Which key of etcd holds what.
 *
 * <pre>
 * PREFIX/config                  the network's configuration; flannel's, only read
 * PREFIX/subnets/10.5.1.0-24     a lease; flannel's
 * PREFIX/subnet-holders/NAME     who wrote the lease of that name, and its time to live
 * PREFIX/subnet-v6/NAME          a lease of IPv6 alone, for which flannel has no form
 * PREFIX/subnet-claims/IPV6      the name of the lease that has this IPv6 subnet
 * </pre>
 *
 * <p>A flanneld reads what begins with {@code PREFIX/subnets}, and a key there that it does not understand makes it forget all its peers. So
 * nothing of ours but leases in its own form is kept there. A holder counts only together with the lease at the same revision: a flanneld
 * that overwrites the lease leaves the holder behind. The names were chosen so that holders and both kinds of leases are neighbours: one
 * range reads them, one watch sees them.
 */
final class Layout {
  private final String prefix;
  private final String subnets;
  private final String v6Only;
  private final String holders;
  private final String claims;

  Layout(String prefix) {
    this.prefix = clean(prefix);
    this.subnets = this.prefix + "/subnets/";
    this.v6Only = this.prefix + "/subnet-v6/";
    this.holders = this.prefix + "/subnet-holders/";
    this.claims = this.prefix + "/subnet-claims/";
  }

  /** Returns the path without empty, {@code .} and {@code ..} parts, as flanneld cleans it. */
  private static String clean(String path) {
    var parts = new ArrayDeque<String>();
    for (var part : Splitter.on('/').omitEmptyStrings().split(path)) {
      if (part.equals("..")) {
        parts.pollLast();
      } else if (!part.equals(".")) {
        parts.add(part);
      }
    }
    checkArgument(!parts.isEmpty(), "the prefix of etcd's keys is empty: '%s'", path);
    return (path.startsWith("/") ? "/" : "") + String.join("/", parts);
  }

  String prefix() {
    return prefix;
  }

  String config() {
    return prefix + "/config";
  }

  /** Returns where holders and leases begin. */
  String first() {
    return holders;
  }

  /** Returns the first key after holders and leases. Like flannel's, the range of leases is not cut at a slash. */
  String end() {
    return prefix + "/subnett";
  }

  /** Returns where the keys begin that flanneld reads as leases. */
  String firstOfFlannel() {
    return prefix + "/subnets";
  }

  /** Returns the key of the lease called {@code name}. */
  String lease(String name) {
    return isElsewhere(name) ? name : folder(name) + name;
  }

  /**
   * Returns the name of the lease at {@code key}, null if none is kept there. A key that is read together with leases, although it is in
   * the folder of neither kind, is its own name.
   */
  @Nullable
  String name(String key) {
    for (var folder : new String[] {subnets, v6Only}) {
      if (key.startsWith(folder)) {
        var name = key.substring(folder.length());
        return folder.equals(folder(name)) && !isElsewhere(name) ? name : key;
      }
    }
    return key.startsWith(firstOfFlannel()) ? key : null;
  }

  private boolean isElsewhere(String name) {
    return name.startsWith(prefix + "/subnet");
  }

  private String folder(String name) {
    return isIpv6Only(name) ? v6Only : subnets;
  }

  private static boolean isIpv6Only(String name) {
    return name.indexOf(':') >= 0
        && name.indexOf('.') < 0
        && parsed(name).flatMap(subnets -> subnets.prefix(IpFamily.V6)).isPresent();
  }

  /** Returns what {@code name} names, if it is a name that subnets have. */
  static Optional<Subnets> parsed(String name) {
    try {
      return Optional.of(Subnets.parseKey(name));
    } catch (IllegalArgumentException foreign) {
      return Optional.empty();
    }
  }

  /** Returns the key of the holder of the lease called {@code name}. */
  String holder(String name) {
    return holders + name;
  }

  /** Returns the name of the lease whose holder is at {@code key}, null if none is kept there. */
  @Nullable
  String nameOfHolder(String key) {
    return key.startsWith(holders) ? key.substring(holders.length()) : null;
  }

  /** Returns the key that says which lease has the IPv6 subnet of {@code subnets}, if they have one. */
  Optional<String> claim(Subnets subnets) {
    return subnets.prefix(IpFamily.V6).map(v6 -> claims + Subnets.of(v6).key());
  }
}
