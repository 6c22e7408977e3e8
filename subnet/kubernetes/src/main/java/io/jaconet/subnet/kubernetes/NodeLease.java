package io.jaconet.subnet.kubernetes;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.jaconet.internal.Printable;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Subnets;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** How a lease stands in a node: in its pod CIDRs, and in annotations as flanneld writes and reads them. Pure. */
final class NodeLease {
  private static final Pattern BACKEND_TYPE = Pattern.compile("[A-Za-z0-9_-]{0,63}");

  /** What flanneld writes where a backend has nothing to tell. */
  private static final String NO_DATA = "null";

  private NodeLease() {}

  /** Returns whether the node takes part. */
  static boolean takesPart(Node node, AnnotationNames names) {
    return node.annotation(names.marker()).equals("true");
  }

  /**
   * Reads the lease of a node that takes part: its pod CIDRs of the families in which it publishes an address.
   *
   * @throws IllegalArgumentException if it cannot be read; the message says why
   */
  static Lease read(Node node, AnnotationNames names) {
    var publicIps = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    var data = new EnumMap<IpFamily, String>(IpFamily.class);
    for (var family : IpFamily.values()) {
      var address = address(node, names.publicIp(family), family);
      if (address != null) {
        publicIps.put(family, address);
      }
      var text = node.annotation(names.backendData(family));
      if (!text.isEmpty() && !text.equals(NO_DATA)) {
        data.put(family, text);
      }
    }
    var type = node.annotation(names.backendType());
    checkArgument(
        BACKEND_TYPE.matcher(type).matches(),
        "%s '%s' is no backend's name",
        names.backendType(),
        Printable.of(type));
    var attributes = LeaseAttributes.of(type, publicIps, data);
    return new Lease(
        subnets(node, publicIps), attributes, node.name(), node.created(), node.revision());
  }

  /**
   * Returns the address in an annotation, null if it is absent or unspecified, which is how flanneld says that there is none.
   *
   * @throws IllegalArgumentException if it is no address of {@code family}
   */
  static @Nullable IpAddress address(Node node, String annotation, IpFamily family) {
    var text = node.annotation(annotation);
    if (text.isEmpty()) {
      return null;
    }
    IpAddress address;
    try {
      address = IpAddress.parse(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(annotation + ": " + e.getMessage(), e);
    }
    checkArgument(
        address.family() == family, "%s %s is no %s address", annotation, address, family);
    return address.isUnspecified() ? null : address;
  }

  private static Subnets subnets(Node node, Map<IpFamily, IpAddress> publicIps) {
    var assigned = podCidrs(node);
    checkArgument(!assigned.isEmpty(), "the node has no podCIDR");
    var v4 = publicIps.containsKey(IpFamily.V4) ? assigned.get(IpFamily.V4) : null;
    var v6 = publicIps.containsKey(IpFamily.V6) ? assigned.get(IpFamily.V6) : null;
    if (v4 != null && v6 != null) {
      return Subnets.of(v4, v6);
    }
    var only = v4 != null ? v4 : v6;
    checkArgument(
        only != null, "the node publishes no public IP for its podCIDR %s", assigned.values());
    return Subnets.of(only);
  }

  /**
   * Returns what the cluster assigned to the node.
   *
   * @throws IllegalArgumentException if that is more than one subnet of a family, or cannot be read
   */
  static ImmutableMap<IpFamily, IpPrefix> podCidrs(Node node) {
    var found = new EnumMap<IpFamily, IpPrefix>(IpFamily.class);
    for (var text : node.podCidrs()) {
      var prefix = IpPrefix.parse(text);
      checkArgument(
          prefix.length() < prefix.family().bits(), "podCIDR %s is a single address", prefix);
      var other = found.put(prefix.family(), prefix);
      checkArgument(
          other == null,
          "the node has two podCIDRs of %s: %s and %s",
          prefix.family(),
          other,
          prefix);
    }
    return Maps.immutableEnumMap(found);
  }

  /**
   * Returns the annotations of {@code node} that have to change for it to publish {@code attributes} exactly as flanneld would; {@code null}
   * for those that have to go. Backends other than vxlan always have the IPv4 pair, also in a network of IPv6 alone.
   */
  static JsonObject publication(LeaseAttributes attributes, Node node, AnnotationNames names) {
    var changes = new JsonObject();
    set(changes, node, names.marker(), Optional.of("true"));
    set(changes, node, names.backendType(), Optional.of(attributes.backendType()));
    boolean vxlan = attributes.backendType().equals("vxlan");
    for (var family : IpFamily.values()) {
      var publicIp = attributes.publicIp(family);
      var data = attributes.backendData(family);
      boolean published = vxlan ? data.isPresent() : family == IpFamily.V4 || publicIp.isPresent();
      var pair = published
          ? List.of(
              data.orElse(NO_DATA),
              publicIp.orElse(IpAddress.unspecified(family)).toString())
          : List.<String>of();
      set(changes, node, names.backendData(family), pair.stream().findFirst());
      set(changes, node, names.publicIp(family), pair.stream().skip(1).findFirst());
    }
    return changes;
  }

  /** Returns the annotations of {@code node} that have to go for it to publish nothing. */
  static JsonObject withdrawal(Node node, AnnotationNames names) {
    var changes = new JsonObject();
    set(changes, node, names.marker(), Optional.empty());
    set(changes, node, names.backendType(), Optional.empty());
    for (var family : IpFamily.values()) {
      set(changes, node, names.backendData(family), Optional.empty());
      set(changes, node, names.publicIp(family), Optional.empty());
    }
    return changes;
  }

  private static void set(JsonObject changes, Node node, String annotation, Optional<String> text) {
    var present = Optional.ofNullable(node.annotations().get(annotation));
    if (!present.equals(text)) {
      changes.add(annotation, text.<JsonElement>map(JsonPrimitive::new).orElse(JsonNull.INSTANCE));
    }
  }

  /**
   * Returns {@code attributes} with the addresses that annotations of the node set in place of the detected ones.
   *
   * @throws IllegalArgumentException if such an annotation is no address
   */
  static LeaseAttributes overwritten(LeaseAttributes attributes, Node node, AnnotationNames names) {
    var publicIps = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    var data = new EnumMap<IpFamily, String>(IpFamily.class);
    boolean changed = false;
    for (var family : IpFamily.values()) {
      attributes.publicIp(family).ifPresent(address -> publicIps.put(family, address));
      attributes.backendData(family).ifPresent(text -> data.put(family, text));
      var other = address(node, names.publicIpOverwrite(family), family);
      if (other != null && publicIps.containsKey(family)) {
        publicIps.put(family, other);
        changed = true;
      }
    }
    return changed ? LeaseAttributes.of(attributes.backendType(), publicIps, data) : attributes;
  }
}
