package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * The access that a kubeconfig file describes: the cluster and the user of its current context. Token, or client certificate; programs that
 * make credentials are not run, which fabric8 would do while it reads the file.
 */
final class Kubeconfig implements ApiAccess.Source {
  private static final int MAX_BYTES = 1 << 20;
  private static final Pattern TOKEN = Pattern.compile("[\\x21-\\x7e]+");

  private final Path file;
  private final @Nullable URI server;
  private byte[] content = {};
  private @Nullable Entries entries;

  /** Creates the access by {@code file}, to another server than it names unless {@code server} is null. */
  Kubeconfig(Path file, @Nullable URI server) {
    this.file = file;
    this.server = server;
  }

  /** The parts of the file that count. */
  private record Entries(Map<?, ?> cluster, Map<?, ?> user) {}

  @Override
  public ApiAccess current() throws IOException {
    var found = entries();
    var address = server != null ? server : server(found.cluster);
    var tls = new TlsMaterial(
        pem(found.cluster, "certificate-authority"),
        pem(found.user, "client-certificate"),
        pem(found.user, "client-key"));
    return new ApiAccess(address, tls, token(found.user));
  }

  private synchronized Entries entries() throws IOException {
    var known = entries;
    try {
      var read = Files.readAllBytes(file);
      if (known == null || !Arrays.equals(read, content)) {
        known = parse(read);
        entries = known;
        content = read;
      }
    } catch (IOException e) {
      // It may be on its way to being replaced.
      if (known == null) {
        throw e;
      }
    }
    return known;
  }

  private Entries parse(byte[] read) throws IOException {
    if (read.length > MAX_BYTES) {
      throw new IOException(file + " is larger than " + MAX_BYTES + " bytes");
    }
    var settings = LoadSettings.builder()
        .setAllowNonScalarKeys(false)
        .setMaxAliasesForCollections(0)
        .build();
    Object root;
    try {
      root = new Load(settings).loadFromString(new String(read, UTF_8));
    } catch (YamlEngineException e) {
      // Its message repeats the text around the place, which may be a secret.
      throw new IOException(file + " is not YAML that can be read");
    }
    if (!(root instanceof Map<?, ?> config)) {
      throw new IOException(file + " is not a kubeconfig file");
    }
    var context = named(config, "contexts", text(config, "current-context"), "context");
    var cluster = named(config, "clusters", text(context, "cluster"), "cluster");
    var user = context.get("user") == null
        ? Map.of()
        : named(config, "users", text(context, "user"), "user");
    for (var unknown : List.of("exec", "auth-provider", "username")) {
      refuse(user, "user", unknown);
    }
    for (var unknown : List.of("insecure-skip-tls-verify", "proxy-url", "tls-server-name")) {
      refuse(cluster, "cluster", unknown);
    }
    return new Entries(cluster, user);
  }

  private void refuse(Map<?, ?> of, String kind, String setting) throws IOException {
    var value = of.get(setting);
    if (value != null && !Boolean.FALSE.equals(value)) {
      throw new IOException(file + ": " + kind + "." + setting + " is not supported;"
          + " use certificate-authority, and token, tokenFile or client-certificate");
    }
  }

  private Map<?, ?> named(Map<?, ?> config, String list, String name, String kind)
      throws IOException {
    if (config.get(list) instanceof List<?> all) {
      for (var entry : all) {
        if (entry instanceof Map<?, ?> map
            && name.equals(map.get("name"))
            && map.get(kind) instanceof Map<?, ?> found) {
          return found;
        }
      }
    }
    throw new IOException(file + ": " + list + " has no '" + name + "' with a " + kind);
  }

  private String text(Map<?, ?> map, String key) throws IOException {
    if (map.get(key) instanceof String text && !text.isEmpty()) {
      return text;
    }
    throw new IOException(file + ": " + key + " is not set");
  }

  private URI server(Map<?, ?> cluster) throws IOException {
    try {
      return ApiAccess.parseServer(text(cluster, "server"));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  /** Returns what is under {@code key} in a file or, with {@code -data} in its name, in base64. */
  private @Nullable String pem(Map<?, ?> map, String key) throws IOException {
    if (map.get(key + "-data") instanceof String data && !data.isEmpty()) {
      try {
        return new String(Base64.getMimeDecoder().decode(data), ISO_8859_1);
      } catch (IllegalArgumentException e) {
        throw new IOException(file + ": " + key + "-data is not base64");
      }
    }
    return map.get(key) instanceof String path && !path.isEmpty()
        ? Files.readString(relative(path), ISO_8859_1)
        : null;
  }

  private @Nullable String token(Map<?, ?> user) throws IOException {
    if (user.get("tokenFile") instanceof String path && !path.isEmpty()) {
      return clean(Files.readString(relative(path), ISO_8859_1));
    }
    return user.get("token") instanceof String token && !token.isEmpty() ? clean(token) : null;
  }

  /** Returns a token that is fit for a header. */
  static String clean(String token) throws IOException {
    var stripped = token.strip();
    if (!TOKEN.matcher(stripped).matches()) {
      throw new IOException("the bearer token is empty or has characters that no token has");
    }
    return stripped;
  }

  private Path relative(String path) {
    return file.resolveSibling(path);
  }
}
