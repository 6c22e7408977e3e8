package io.jaconet.examples.cni;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.overlay.SubnetEnv;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * Adds containers to a host's network and removes them, by the CNI plugins and as a container runtime does it, with the plugin
 * {@code flannel}'s part played here.
 */
final class CniHost {
  /** Where Debian has the plugins. */
  static final Path PLUGINS = Path.of("/usr/lib/cni");

  private static final String INTERFACE = "eth0";

  private final NetworkNamespace namespace;
  private final Path subnetFile;
  private final Path state;
  private final JsonObject config;

  /**
   * Creates a host whose plugins run in {@code namespace}.
   *
   * @param subnetFile the host's {@code subnet.env}
   * @param state the directory for what is to be known until a container goes
   */
  CniHost(NetworkNamespace namespace, Path subnetFile, Path state) {
    this.namespace = namespace;
    this.subnetFile = subnetFile;
    this.state = state;
    this.config =
        JsonParser.parseString("""
            {
              "cniVersion": "0.4.0",
              "name": "overlay",
              "type": "flannel",
              "delegate": {"isDefaultGateway": true, "hairpinMode": true, "ipMasq": false},
              "ipam": {"dataDir": "%s"}
            }""".formatted(state.resolve("addresses"))).getAsJsonObject();
  }

  /**
   * Puts a container on the network.
   *
   * @param container its id, a file name
   * @param netns its network namespace
   * @return the plugin's result
   */
  JsonObject add(String container, Path netns) throws IOException {
    var delegate = DelegateConfig.of(config, SubnetEnv.read(subnetFile));
    // Before the delegate runs: whatever it does, it can be undone.
    store(container, delegate.toString());
    return JsonParser.parseString(call("ADD", container, netns, delegate)).getAsJsonObject();
  }

  /**
   * Checks that all is as {@code result}, which {@link #add} returned, has it. Flannel's own plugin does not: the bridge plugin sends a
   * route without a gateway through the bridge, and then misses the route without a gateway, so that it has to be told of its own.
   */
  void check(String container, Path netns, JsonObject result) throws IOException {
    var delegate = stored(container);
    delegate.add("prevResult", withGateways(result));
    call("CHECK", container, netns, delegate);
  }

  private static JsonObject withGateways(JsonObject result) {
    var complete = result.deepCopy();
    var gateway = complete.getAsJsonArray("ips").get(0).getAsJsonObject().get("gateway");
    for (var route : complete.getAsJsonArray("routes")) {
      if (!route.getAsJsonObject().has("gw")) {
        route.getAsJsonObject().add("gw", gateway);
      }
    }
    return complete;
  }

  /** Takes a container off the network. Idempotent. */
  void delete(String container, Path netns) throws IOException {
    if (Files.exists(file(container))) {
      call("DEL", container, netns, stored(container));
      Files.delete(file(container));
    }
  }

  private String call(String command, String container, Path netns, JsonObject delegate)
      throws IOException {
    var plugin = PLUGINS.resolve(delegate.get("type").getAsString());
    var builder = new ProcessBuilder(plugin.toString());
    builder.environment().put("CNI_COMMAND", command);
    builder.environment().put("CNI_CONTAINERID", container);
    builder.environment().put("CNI_NETNS", netns.toString());
    builder.environment().put("CNI_IFNAME", INTERFACE);
    builder.environment().put("CNI_PATH", PLUGINS.toString());
    var process = namespace.start(builder.redirectErrorStream(true));
    try (var stdin = process.getOutputStream()) {
      stdin.write(delegate.toString().getBytes(UTF_8));
    }
    var output = new String(process.getInputStream().readAllBytes(), UTF_8);
    try {
      if (process.waitFor() == 0) {
        return output;
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    throw new IOException(plugin + " " + command + " of " + container + ": " + output.strip());
  }

  private Path file(String container) {
    return state.resolve("delegates").resolve(container);
  }

  private JsonObject stored(String container) throws IOException {
    return JsonParser.parseString(Files.readString(file(container))).getAsJsonObject();
  }

  private void store(String container, String delegate) throws IOException {
    var file = file(container);
    var ownerOnly =
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    Files.createDirectories(file.getParent(), ownerOnly);
    Files.writeString(file, delegate);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
  }
}
