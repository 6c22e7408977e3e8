package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.testkit.kubernetes.ApiServer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A client that shares nothing with ours sees the same cluster, and what an operator does by it is noticed. */
@Timeout(60)
class KubectlTest {
  @TempDir
  Path home;

  private String kubectl(ApiServer server, String... arguments) throws IOException {
    var command = new ArrayList<>(List.of("kubectl", "--server=" + server.url()));
    command.addAll(List.of(arguments));
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("HOME", home.toString());
    builder.environment().remove("KUBECONFIG");
    var process = builder.start();
    var output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertEquals(0, process.onExit().join().exitValue(), output);
    return output;
  }

  @Test
  void whatAnOperatorDoesIsNoticed() throws Exception {
    try (var server = ApiServer.start();
        var cluster = KubernetesCluster.builder().apiUrl(server.url()).build();
        var manager = KubernetesSubnetManager.over(cluster)) {
      server.addNode("a", "10.244.1.0/24");
      server.addNode("b", Nodes.annotations(2), "10.244.2.0/24");
      manager.acquire(Nodes.request(Nodes.V4, "a", Nodes.attributes(1)));
      var watched = new WatchedLeases();
      manager.watch(watched);
      watched.awaitSnapshot();

      var seen = kubectl(server, "get", "node", "a", "-o", "yaml");
      assertTrue(seen.contains(Nodes.PREFIX + "public-ip: 198.18.0.2"), seen);
      kubectl(
          server, "annotate", "--overwrite", "node", "b", Nodes.PREFIX + "public-ip=198.18.7.7");
      watched.await(() -> watched.leases().toString().contains("198.18.7.7"));
      kubectl(server, "annotate", "node", "b", Nodes.PREFIX + "kube-subnet-manager-");
      watched.await(() -> watched.leases().size() == 1);
    }
  }
}
