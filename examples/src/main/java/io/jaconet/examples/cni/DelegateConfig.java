package io.jaconet.examples.cni;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.SubnetEnv;

/** What the CNI plugin {@code flannel} makes of its configuration and of {@code subnet.env}: the configuration of the plugin that does the work. */
final class DelegateConfig {
  private DelegateConfig() {}

  /**
   * Returns the delegate's configuration.
   *
   * @param outer the configuration of type {@code flannel}
   * @throws IllegalArgumentException if {@code outer} says what only {@code env} may say, or {@code env} lacks something
   */
  static JsonObject of(JsonObject outer, SubnetEnv env) {
    checkArgument(
        !env.networks().isEmpty() && !env.subnets().isEmpty() && env.mtu() > 0,
        "subnet.env needs FLANNEL_NETWORK, FLANNEL_SUBNET and FLANNEL_MTU");
    var delegate =
        outer.has("delegate") ? outer.getAsJsonObject("delegate").deepCopy() : new JsonObject();
    checkArgument(
        !delegate.has("name") && !delegate.has("ipam"),
        "the delegate's name and ipam are not its own to say");
    delegate.add("name", outer.get("name"));
    if (outer.has("cniVersion")) {
      delegate.add("cniVersion", outer.get("cniVersion"));
    }
    preset(delegate, "type", new JsonPrimitive("bridge"));
    preset(delegate, "ipMasq", new JsonPrimitive(!env.masquerade()));
    preset(delegate, "mtu", new JsonPrimitive(env.mtu()));
    if (delegate.get("type").getAsString().equals("bridge")) {
      preset(delegate, "isGateway", new JsonPrimitive(true));
    }
    if (outer.has("runtimeConfig")) {
      delegate.add("runtimeConfig", outer.get("runtimeConfig"));
    }
    delegate.add("ipam", ipam(outer, env));
    return delegate;
  }

  private static void preset(JsonObject object, String key, JsonElement value) {
    if (!object.has(key)) {
      object.add(key, value);
    }
  }

  /** One range per family, and a route to the whole overlay. */
  private static JsonObject ipam(JsonObject outer, SubnetEnv env) {
    var ipam = outer.has("ipam") ? outer.getAsJsonObject("ipam").deepCopy() : new JsonObject();
    preset(ipam, "type", new JsonPrimitive("host-local"));
    var ranges = new JsonArray();
    var routes = ipam.has("routes") ? ipam.getAsJsonArray("routes") : new JsonArray();
    for (var family : IpFamily.values()) {
      var subnet = env.subnets().get(family);
      if (subnet != null) {
        var range = new JsonArray();
        range.add(single("subnet", subnet.toString()));
        ranges.add(range);
      }
      var network = env.networks().get(family);
      if (network != null) {
        routes.add(single("dst", network.toString()));
      }
    }
    ipam.add("ranges", ranges);
    ipam.add("routes", routes);
    return ipam;
  }

  private static JsonObject single(String key, String value) {
    var object = new JsonObject();
    object.addProperty(key, value);
    return object;
  }
}
