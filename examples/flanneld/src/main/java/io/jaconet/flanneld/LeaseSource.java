package io.jaconet.flanneld;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.nio.file.Path;

/** Where subnet leases are, and with them the network's configuration. */
sealed interface LeaseSource {

  /**
   * The memory of this process: for trying out, since no other host sees it.
   *
   * @param config the file with the network's configuration
   */
  record Memory(Path config) implements LeaseSource {}

  /**
   * A directory of this host.
   *
   * @param config the file with the network's configuration
   */
  record Directory(Path directory, Path config) implements LeaseSource {}

  /**
   * Etcd, which has the configuration too. A text that was not given is empty.
   *
   * @param prefix the path under which the network is
   */
  record Etcd(
      ImmutableList<String> endpoints,
      String prefix,
      String keyFile,
      String certificateFile,
      String authoritiesFile,
      String user,
      String password)
      implements LeaseSource {
    /** Without the password. */
    @Override
    public String toString() {
      return "etcd " + endpoints + " " + prefix;
    }
  }

  /**
   * The nodes of a Kubernetes cluster. A text that was not given is empty.
   *
   * @param apiUrl where the API server is, unless a pod's service account or the kubeconfig file says so
   * @param prefix how the names of annotations begin
   * @param condition whether the node is told to be available when the network is up
   * @param config the file with the network's configuration
   * @param environment where the names of node and pod are
   */
  record Kubernetes(
      String apiUrl,
      String kubeconfigFile,
      String prefix,
      boolean condition,
      Path config,
      ImmutableMap<String, String> environment)
      implements LeaseSource {
    /** Without the environment, which may have secrets. */
    @Override
    public String toString() {
      return "kubernetes " + apiUrl + " " + kubeconfigFile;
    }
  }
}
