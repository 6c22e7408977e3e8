package io.jaconet.overlay;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The configuration that all hosts of a network share: flannel's, read from its JSON or built without. An instance is always valid, and
 * what flannel computes when it is not given is filled in.
 *
 * <p>What is wrong is told by an {@link IllegalArgumentException} whose message has the JSON path, the value, what is allowed and an
 * example, also when the configuration was built without JSON.
 */
public final class NetworkConfig {
  private final ImmutableMap<IpFamily, SubnetRange> ranges;
  private final String backendType;
  private final BackendOptions backendOptions;
  private final boolean nftables;

  private NetworkConfig(
      ImmutableMap<IpFamily, SubnetRange> ranges,
      String backendType,
      BackendOptions backendOptions,
      boolean nftables) {
    this.ranges = ranges;
    this.backendType = backendType;
    this.backendOptions = backendOptions;
    this.nftables = nftables;
  }

  /**
   * Reads flannel's {@code net-conf.json}. Keys that are not known are ignored with a warning in the log.
   *
   * @throws IllegalArgumentException if {@code json} is longer than 1 MiB, no JSON object, or says something that is not allowed
   */
  public static NetworkConfig parse(String json) {
    return NetworkConfigJson.read(json);
  }

  /** Returns a builder of a configuration with flannel's defaults: no network yet, backend udp, iptables. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns the enabled families, at least one. */
  public ImmutableSet<IpFamily> families() {
    return ranges.keySet();
  }

  /** Returns the overlay's whole prefix, per enabled family. */
  public ImmutableMap<IpFamily, IpPrefix> networks() {
    return perFamily(SubnetRange::network);
  }

  /** Returns the prefix length of a lease, per enabled family. */
  public ImmutableMap<IpFamily, Integer> subnetLengths() {
    return perFamily(SubnetRange::subnetLength);
  }

  /** Returns the base address of the first subnet that may be leased, per enabled family. */
  public ImmutableMap<IpFamily, IpAddress> subnetMin() {
    return perFamily(SubnetRange::min);
  }

  /** Returns the base address of the last subnet that may be leased, per enabled family. */
  public ImmutableMap<IpFamily, IpAddress> subnetMax() {
    return perFamily(SubnetRange::max);
  }

  private <T> ImmutableMap<IpFamily, T> perFamily(Function<SubnetRange, T> part) {
    var parts = new EnumMap<IpFamily, T>(IpFamily.class);
    ranges.forEach((family, range) -> parts.put(family, part.apply(range)));
    return Maps.immutableEnumMap(parts);
  }

  /** Returns the backend's name in lower case. */
  public String backendType() {
    return backendType;
  }

  /** Returns the backend's options. */
  public BackendOptions backendOptions() {
    return backendOptions;
  }

  /** Returns whether rules go to nftables rather than iptables. */
  public boolean nftables() {
    return nftables;
  }

  /** Returns the range of an enabled family. */
  SubnetRange range(IpFamily family) {
    return Objects.requireNonNull(ranges.get(family));
  }

  /**
   * Checks that hosts of the network do not take each other's underlay away. A prefix on the underlay's link that is wider than the network
   * and contains it is allowed, because the routes to subnets are longer.
   *
   * @param hostPrefixes what the host reaches without the overlay, such as the on-link prefixes of its underlay interface
   * @throws IllegalArgumentException if a network equals or contains one of them; the message names both
   */
  public void requireDisjointFrom(ImmutableList<IpPrefix> hostPrefixes) {
    ranges.values().forEach(range -> range.requireDisjointFrom(hostPrefixes));
  }

  /** Returns JSON from which {@link #parse} and flanneld read this configuration, compact, with all defaults written out. */
  public String toJson() {
    return NetworkConfigJson.write(this);
  }

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof NetworkConfig other
        && ranges.equals(other.ranges)
        && backendType.equals(other.backendType)
        && backendOptions.equals(other.backendOptions)
        && nftables == other.nftables;
  }

  @Override
  public int hashCode() {
    return Objects.hash(ranges, backendType, backendOptions, nftables);
  }

  @Override
  public String toString() {
    return backendType + " " + networks().values();
  }

  /** Builds a {@link NetworkConfig}. A family is enabled by giving its network. Confined to one thread. */
  public static final class Builder {
    static final Setting BACKEND_TYPE = new Setting("Backend.Type", "a backend's name", "vxlan");
    private static final Pattern TYPE = Pattern.compile("[a-z0-9][a-z0-9_-]{0,62}");

    private final Map<IpFamily, IpPrefix> networks = new EnumMap<>(IpFamily.class);
    private final Map<IpFamily, Integer> subnetLengths = new EnumMap<>(IpFamily.class);
    private final Map<IpFamily, IpAddress> subnetMin = new EnumMap<>(IpFamily.class);
    private final Map<IpFamily, IpAddress> subnetMax = new EnumMap<>(IpFamily.class);
    private String backendType = "udp";
    private JsonObject options = new JsonObject();
    private boolean nftables;

    private Builder() {}

    /** Enables the family of {@code network} and makes that the overlay's whole prefix. */
    @CanIgnoreReturnValue
    public Builder network(IpPrefix network) {
      networks.put(network.family(), network);
      return this;
    }

    /**
     * Does what {@link #network(IpPrefix)} does, with a prefix such as {@code 10.244.0.0/16}.
     *
     * @throws IllegalArgumentException if {@code network} is no prefix
     */
    @CanIgnoreReturnValue
    public Builder network(String network) {
      try {
        return network(IpPrefix.parse(network));
      } catch (IllegalArgumentException e) {
        var family = network.contains(":") ? IpFamily.V6 : IpFamily.V4;
        throw SubnetRange.networkSetting(family, "an " + family + " prefix")
            .wrong(new JsonPrimitive(network));
      }
    }

    /** Sets the prefix length of a lease. Default: 24 or 64 if at least four fit the network, else the network's length and 2. */
    @CanIgnoreReturnValue
    public Builder subnetLength(IpFamily family, int length) {
      subnetLengths.put(family, length);
      return this;
    }

    /** Sets the base address of the first subnet that may be leased. Default: the second of the network. */
    @CanIgnoreReturnValue
    public Builder subnetMin(IpAddress base) {
      subnetMin.put(base.family(), base);
      return this;
    }

    /** Sets the base address of the last subnet that may be leased. Default: the last of the network. */
    @CanIgnoreReturnValue
    public Builder subnetMax(IpAddress base) {
      subnetMax.put(base.family(), base);
      return this;
    }

    /** Sets the backend's name; case does not matter. Default: {@code udp}, as in flannel. */
    @CanIgnoreReturnValue
    public Builder backend(String type) {
      backendType = type;
      return this;
    }

    /**
     * Sets an option of the backend, which will check it. Case does not matter in names.
     *
     * @throws IllegalArgumentException if {@code name} is {@code Type}
     */
    @CanIgnoreReturnValue
    public Builder option(String name, int value) {
      // As the parser makes it: Gson's numbers of different classes may be equal and differ in
      // their hash codes.
      return option(name, JsonParser.parseString(Integer.toString(value)));
    }

    /** Does what {@link #option(String, int)} does. */
    @CanIgnoreReturnValue
    public Builder option(String name, boolean value) {
      return option(name, new JsonPrimitive(value));
    }

    /** Does what {@link #option(String, int)} does. */
    @CanIgnoreReturnValue
    public Builder option(String name, String value) {
      return option(name, new JsonPrimitive(value));
    }

    private Builder option(String name, JsonElement value) {
      if (name.equalsIgnoreCase("Type")) {
        throw new IllegalArgumentException(
            "Backend.Type is no option; it is set by backend(\"" + backendType + "\")");
      }
      options.keySet().removeIf(name::equalsIgnoreCase);
      options.add(name, value);
      return this;
    }

    @CanIgnoreReturnValue
    Builder options(JsonObject all) {
      options = all;
      return this;
    }

    /** Sets whether rules go to nftables rather than iptables. Default: iptables. */
    @CanIgnoreReturnValue
    public Builder nftables(boolean enabled) {
      nftables = enabled;
      return this;
    }

    /**
     * Returns the configuration.
     *
     * @throws IllegalArgumentException if a network is missing or a value is not allowed
     */
    public NetworkConfig build() {
      requireNetworks();
      var type = backendType.toLowerCase(Locale.ROOT);
      if (!TYPE.matcher(type).matches()) {
        throw BACKEND_TYPE.wrong(new JsonPrimitive(backendType));
      }
      var ranges = Maps.toMap(networks.keySet(), this::range);
      return new NetworkConfig(ranges, type, new BackendOptions(options.deepCopy()), nftables);
    }

    private void requireNetworks() {
      for (var family : IpFamily.values()) {
        boolean wanted = subnetLengths.containsKey(family)
            || subnetMin.containsKey(family)
            || subnetMax.containsKey(family);
        if (!networks.containsKey(family) && (wanted || networks.isEmpty())) {
          throw SubnetRange.networkSetting(family, "an " + family + " prefix").missing();
        }
      }
    }

    private SubnetRange range(IpFamily family) {
      return SubnetRange.of(
          Objects.requireNonNull(networks.get(family)),
          subnetLengths.getOrDefault(family, 0),
          subnetMin.get(family),
          subnetMax.get(family));
    }
  }
}
