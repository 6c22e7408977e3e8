package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.fabric8.kubernetes.api.model.AuthInfo;
import io.fabric8.kubernetes.api.model.Cluster;
import io.fabric8.kubernetes.api.model.Config;
import io.fabric8.kubernetes.api.model.Context;
import io.fabric8.kubernetes.api.model.NamedAuthInfo;
import io.fabric8.kubernetes.api.model.NamedCluster;
import io.fabric8.kubernetes.api.model.NamedContext;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The access that a kubeconfig file describes: the cluster and the user of its current context. Token, or client certificate; programs that
 * make credentials are not run, which is why fabric8 only reads the file, and does not make a configuration of it.
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
  private record Entries(Cluster cluster, AuthInfo user) {}

  @Override
  public ApiAccess current() throws IOException {
    var found = entries();
    var cluster = found.cluster;
    var user = found.user;
    return new ApiAccess(
        server != null ? server : server(cluster),
        new TlsMaterial(
            pem(cluster.getCertificateAuthorityData(), cluster.getCertificateAuthority()),
            pem(user.getClientCertificateData(), user.getClientCertificate()),
            pem(user.getClientKeyData(), user.getClientKey())),
        token(user));
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
    Config config;
    try {
      config = Serialization.unmarshal(new String(read, UTF_8), Config.class);
    } catch (RuntimeException e) {
      // Its message repeats the text around the place, which may be a secret.
      throw new IOException(file + " is not a kubeconfig file that can be read");
    }
    var context = named(
        config.getContexts(),
        config.getCurrentContext(),
        NamedContext::getName,
        NamedContext::getContext,
        "context");
    return new Entries(cluster(config, context), user(config, context));
  }

  private Cluster cluster(Config config, Context context) throws IOException {
    var cluster = named(
        config.getClusters(),
        context.getCluster(),
        NamedCluster::getName,
        NamedCluster::getCluster,
        "cluster");
    refuse(
        Boolean.TRUE.equals(cluster.getInsecureSkipTlsVerify()),
        "cluster.insecure-skip-tls-verify");
    refuse(cluster.getProxyUrl() != null, "cluster.proxy-url");
    refuse(cluster.getTlsServerName() != null, "cluster.tls-server-name");
    return cluster;
  }

  private AuthInfo user(Config config, Context context) throws IOException {
    if (context.getUser() == null) {
      return new AuthInfo();
    }
    var user = named(
        config.getUsers(),
        context.getUser(),
        NamedAuthInfo::getName,
        NamedAuthInfo::getUser,
        "user");
    refuse(user.getExec() != null, "user.exec");
    refuse(user.getAuthProvider() != null, "user.auth-provider");
    refuse(user.getUsername() != null, "user.username");
    return user;
  }

  private void refuse(boolean present, String setting) throws IOException {
    if (present) {
      throw new IOException(file + ": " + setting + " is not supported;"
          + " use certificate-authority, and token, tokenFile or client-certificate");
    }
  }

  private <N, T> T named(
      @Nullable List<N> all,
      @Nullable String wanted,
      Function<N, @Nullable String> name,
      Function<N, @Nullable T> content,
      String kind)
      throws IOException {
    if (wanted == null || wanted.isEmpty()) {
      throw new IOException(file + ": no " + kind + " is chosen");
    }
    for (var entry : all == null ? List.<N>of() : all) {
      var found = content.apply(entry);
      if (wanted.equals(name.apply(entry)) && found != null) {
        return found;
      }
    }
    throw new IOException(file + ": there is no " + kind + " '" + wanted + "'");
  }

  private URI server(Cluster cluster) throws IOException {
    try {
      return ApiAccess.parseServer(String.valueOf(cluster.getServer()));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": server: " + e.getMessage(), e);
    }
  }

  /** Returns what is in {@code base64} or else in the file at {@code path}; null if it is in neither. */
  private @Nullable String pem(@Nullable String base64, @Nullable String path) throws IOException {
    if (base64 != null && !base64.isEmpty()) {
      try {
        return new String(Base64.getMimeDecoder().decode(base64), ISO_8859_1);
      } catch (IllegalArgumentException e) {
        throw new IOException(file + ": a certificate or key is not base64");
      }
    }
    return path == null || path.isEmpty() ? null : Files.readString(relative(path), ISO_8859_1);
  }

  private @Nullable String token(AuthInfo user) throws IOException {
    var path = user.getTokenFile();
    if (path != null && !path.isEmpty()) {
      return clean(Files.readString(relative(path), ISO_8859_1));
    }
    var token = user.getToken();
    return token == null || token.isEmpty() ? null : clean(token);
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
