package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** The access of a pod: its service account, whose token the kubelet replaces about every hour. */
final class InCluster implements ApiAccess.Source {
  static final Path SERVICE_ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");

  private final URI server;
  private final Path directory;

  private InCluster(URI server, Path directory) {
    this.server = server;
    this.directory = directory;
  }

  /**
   * Finds the API server in the environment of a pod.
   *
   * @throws IOException if this is none
   */
  static InCluster of(Map<String, String> environment, Path serviceAccount) throws IOException {
    var host = environment.getOrDefault("KUBERNETES_SERVICE_HOST", "");
    var port = environment.getOrDefault("KUBERNETES_SERVICE_PORT", "443");
    if (host.isEmpty() || !Files.isReadable(serviceAccount.resolve("token"))) {
      throw new IOException("not in a pod with a service account: KUBERNETES_SERVICE_HOST is "
          + (host.isEmpty() ? "not set" : "'" + host + "'") + " and "
          + serviceAccount.resolve("token")
          + (host.isEmpty() ? "" : " cannot be read")
          + "; outside a cluster give a kubeconfig file or the URL of the API server");
    }
    var literal = host.contains(":") ? "[" + host + "]" : host;
    try {
      return new InCluster(
          ApiAccess.parseServer("https://" + literal + ":" + port), serviceAccount);
    } catch (IllegalArgumentException e) {
      throw new IOException("KUBERNETES_SERVICE_HOST and _PORT: " + e.getMessage(), e);
    }
  }

  @Override
  public ApiAccess current() throws IOException {
    var authorities = Files.readString(directory.resolve("ca.crt"), ISO_8859_1);
    var token = Files.readString(directory.resolve("token"), ISO_8859_1);
    return new ApiAccess(server, new TlsMaterial(authorities, null, null), Kubeconfig.clean(token));
  }
}
