package io.jaconet.subnet.kubernetes;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A Kubernetes cluster, reached through its API server. All networks of a JVM share one: it has one watch of the nodes, however many there
 * are. Tokens and certificates are read again when their files change.
 *
 * <p>Nothing is connected before the first call. Thread-safe.
 */
public final class KubernetesCluster implements AutoCloseable {
  private final ApiClient api;
  private final NodeWatch nodes;

  private KubernetesCluster(ApiAccess.Source access) {
    this.api = new ApiClient(access);
    this.nodes = new NodeWatch(api);
  }

  /** Returns a builder of an access to the cluster in whose pod this process runs. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Returns the name of the node that this process runs on: {@code NODE_NAME} or, where that is not set, the node of the pod that
   * {@code POD_NAMESPACE} and {@code POD_NAME} name.
   *
   * @param environment the environment of the process
   * @throws IOException if neither is set, or the API server does not know the pod
   */
  public String nodeName(Map<String, String> environment) throws IOException {
    var name = environment.getOrDefault("NODE_NAME", "");
    if (!name.isEmpty()) {
      return name;
    }
    var pod = environment.getOrDefault("POD_NAME", "");
    var namespace = environment.getOrDefault("POD_NAMESPACE", "");
    if (pod.isEmpty() || namespace.isEmpty()) {
      throw new IOException(
          "it is not known which node this is: set NODE_NAME, or both POD_NAME and POD_NAMESPACE");
    }
    var node = api.nodeOfPod(namespace, pod);
    if (node.isEmpty()) {
      throw new IOException("the pod " + namespace + "/" + pod + " runs on no node yet");
    }
    return node;
  }

  ApiClient api() {
    return api;
  }

  NodeWatch nodes() {
    return nodes;
  }

  /** Ends all calls and watches. Idempotent. */
  @Override
  public void close() {
    nodes.close();
    api.close();
  }

  /** Builds a {@link KubernetesCluster}. Confined to one thread. */
  public static final class Builder {
    private @Nullable Path kubeconfig;
    private @Nullable URI apiUrl;

    private Builder() {}

    /**
     * Sets the file that says where the API server is and who we are (flannel's {@code kubeconfig-file}): the cluster and the user of its
     * current context, by token, token file or client certificate.
     */
    @CanIgnoreReturnValue
    public Builder kubeconfig(Path file) {
      this.kubeconfig = file;
      return this;
    }

    /**
     * Sets the address of the API server (flannel's {@code kube-api-url}), instead of the one in the kubeconfig file. Without such a file
     * nothing is shown to the server, and Java's own authorities are trusted. Plain HTTP is possible.
     *
     * @throws IllegalArgumentException if it is no address such as {@code https://192.0.2.1:6443}
     */
    @CanIgnoreReturnValue
    public Builder apiUrl(String url) {
      this.apiUrl = ApiAccess.parseServer(url);
      return this;
    }

    /**
     * Returns the access. Without kubeconfig file and address it is that of the pod's service account.
     *
     * @throws IOException if there is none: this is no pod
     */
    public KubernetesCluster build() throws IOException {
      return new KubernetesCluster(access());
    }

    private ApiAccess.Source access() throws IOException {
      if (kubeconfig != null) {
        return new Kubeconfig(kubeconfig, apiUrl);
      }
      var url = apiUrl;
      if (url == null) {
        return InCluster.of(System.getenv(), InCluster.SERVICE_ACCOUNT);
      }
      return () -> new ApiAccess(url, TlsMaterial.NONE, null);
    }
  }

  static KubernetesCluster over(ApiAccess.Source access) {
    return new KubernetesCluster(access);
  }
}
