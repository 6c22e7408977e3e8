package io.jaconet.overlay;

import static io.jaconet.overlay.SubnetRange.path;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.jaconet.net.IpFamily;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A {@link NetworkConfig} as flannel writes it down. */
final class NetworkConfigJson {
  private static final Logger log = LoggerFactory.getLogger(NetworkConfigJson.class);
  private static final int MAX_CHARS = 1 << 20;
  private static final String[] KEYS = {
    "EnableIPv4", "Network", "SubnetLen", "SubnetMin", "SubnetMax",
    "EnableIPv6", "IPv6Network", "IPv6SubnetLen", "IPv6SubnetMin", "IPv6SubnetMax",
    "EnableNFTables", "Backend"
  };

  private NetworkConfigJson() {}

  static NetworkConfig read(String json) {
    var fields = new JsonFields("", object(json));
    var builder = NetworkConfig.builder().nftables(fields.bool("EnableNFTables", false));
    boolean v4 = fields.bool("EnableIPv4", true);
    boolean v6 = fields.bool("EnableIPv6", false);
    if (!v4 && !v6) {
      throw new Setting("EnableIPv4", "true unless EnableIPv6 is", true).wrong(false);
    }
    readFamily(fields, IpFamily.V4, v4, builder);
    readFamily(fields, IpFamily.V6, v6, builder);
    readBackend(fields.get("Backend"), builder);
    var config = builder.build();
    fields.warnOfUnknown(KEYS);
    return config;
  }

  private static JsonObject object(String json) {
    var element = StrictJson.parse("the configuration", json, MAX_CHARS);
    if (element instanceof JsonObject object) {
      return object;
    }
    throw new Setting("the configuration", "an object", "{\"Network\":\"10.244.0.0/16\"}")
        .wrong(element);
  }

  /** Reads the settings of {@code family}, which flannel does even if it is not enabled, so that garbage is an error in any case. */
  private static void readFamily(
      JsonFields fields, IpFamily family, boolean enabled, NetworkConfig.Builder builder) {
    var network = fields.prefix(path(family, "Network"), family);
    int length = fields.integer(path(family, "SubnetLen"), 0, 0, family.bits());
    var example = SubnetRange.exampleNetwork(family).base();
    var min = fields.address(path(family, "SubnetMin"), family, example);
    var max = fields.address(path(family, "SubnetMax"), family, example);
    if (!enabled) {
      if (network != null) {
        log.warn("Ignoring {}: Enable{} is not true", path(family, "Network"), family);
      }
      return;
    }
    if (network == null) {
      throw SubnetRange.networkSetting(family, "an " + family + " prefix").missing();
    }
    builder.network(network).subnetLength(family, length);
    if (min != null) {
      builder.subnetMin(min);
    }
    if (max != null) {
      builder.subnetMax(max);
    }
  }

  private static void readBackend(@Nullable JsonElement backend, NetworkConfig.Builder builder) {
    if (backend == null) {
      return;
    }
    if (!(backend instanceof JsonObject object)) {
      throw new Setting("Backend", "an object", "{\"Type\":\"vxlan\"}").wrong(backend);
    }
    var type = new JsonFields("Backend.", object).get("Type");
    if (type == null) {
      throw NetworkConfig.Builder.BACKEND_TYPE.missing();
    }
    if (!(type instanceof JsonPrimitive p && p.isString())) {
      throw NetworkConfig.Builder.BACKEND_TYPE.wrong(type);
    }
    builder.backend(p.getAsString());
    object.keySet().removeIf("Type"::equalsIgnoreCase);
    builder.options(object);
  }

  static String write(NetworkConfig config) {
    var json = new JsonObject();
    for (var family : IpFamily.values()) {
      var network = config.networks().get(family);
      json.addProperty("Enable" + family, network != null);
      if (network != null) {
        json.addProperty(path(family, "Network"), network.toString());
        json.addProperty(path(family, "SubnetLen"), config.subnetLengths().get(family));
        json.addProperty(
            path(family, "SubnetMin"), String.valueOf(config.subnetMin().get(family)));
        json.addProperty(
            path(family, "SubnetMax"), String.valueOf(config.subnetMax().get(family)));
      }
    }
    json.addProperty("EnableNFTables", config.nftables());
    var backend = new JsonObject();
    backend.addProperty("Type", config.backendType());
    config
        .backendOptions()
        .toJson()
        .entrySet()
        .forEach(option -> backend.add(option.getKey(), option.getValue()));
    json.add("Backend", backend);
    return json.toString();
  }
}
