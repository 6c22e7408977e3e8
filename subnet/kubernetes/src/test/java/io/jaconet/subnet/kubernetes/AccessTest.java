package io.jaconet.subnet.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.base.Splitter;
import io.jaconet.testkit.kubernetes.ApiServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Ways to the API server, with certificates made on the spot. Scenario T16. */
@Timeout(60)
class AccessTest {
  @TempDir
  Path directory;

  private void openssl(String arguments) throws IOException {
    var command = new ArrayList<>(List.of("openssl"));
    command.addAll(Splitter.on(' ').splitToList(arguments));
    var log = directory.resolve("openssl.log");
    var process = new ProcessBuilder(command)
        .directory(directory.toFile())
        .redirectErrorStream(true)
        .redirectOutput(log.toFile())
        .start();
    assertEquals(0, process.onExit().join().exitValue(), Files.readString(log));
  }

  /** Makes {@code NAME.pem} and {@code NAME.key}, for an authority named {@code NAME-ca}. */
  private void issue(String name) throws IOException {
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout "
            + name + "-ca.key -out " + name + "-ca.pem");
    Files.writeString(directory.resolve("ext"), "subjectAltName=IP:127.0.0.1");
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout "
        + name + ".key -out " + name + ".csr");
    openssl("x509 -req -days 2 -in " + name + ".csr -CA " + name + "-ca.pem -CAkey " + name
        + "-ca.key -CAcreateserial -extfile ext -out " + name + ".pem");
  }

  private ApiServer secureServer(String name, String clients) throws IOException {
    var material = new TlsMaterial(
        Files.readString(directory.resolve(clients + "-ca.pem")),
        Files.readString(directory.resolve(name + ".pem")),
        Files.readString(directory.resolve(name + ".key")));
    try {
      var tls = SSLContext.getInstance("TLS");
      tls.init(material.keyManagers(), material.trustManagers(), null);
      return ApiServer.start(InetAddress.getLoopbackAddress(), tls);
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }

  private Path kubeconfig(String server, String authority, String user) throws IOException {
    return Files.writeString(
        directory.resolve("kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: here
        contexts:
        - name: here
          context: {cluster: it, user: me}
        clusters:
        - name: it
          cluster:
            server: %s
            certificate-authority: %s
        users:
        - name: me
          user:
            %s
        """.formatted(server, authority, user));
  }

  private static KubernetesCluster cluster(Path kubeconfig) throws IOException {
    return KubernetesCluster.builder().kubeconfig(kubeconfig).build();
  }

  @Test
  void goesByTheKubeconfigFileOverTls() throws Exception {
    issue("server");
    issue("client");
    try (var server = secureServer("server", "client")) {
      server.addNode("a", "10.244.1.0/24");
      server.requireToken("sesame");
      var file = kubeconfig(server.url(), "server-ca.pem", "token: sesame");
      try (var cluster = cluster(file);
          var manager = KubernetesSubnetManager.over(cluster)) {
        assertEquals("a", cluster.api().node("a").name());
        var watched = new WatchedLeases();
        manager.watch(watched);
        watched.awaitSnapshot();
        server.addNode("b", Nodes.annotations(2), "10.244.2.0/24");
        watched.await(() -> watched.leases().containsKey("10.244.2.0/24"));
      }
      try (var cluster = cluster(kubeconfig(server.url(), "client-ca.pem", "token: sesame"))) {
        var failure = assertThrows(IOException.class, () -> cluster.api().node("a"));
        assertTrue(String.valueOf(failure.getMessage()).contains("PKIX"), failure::toString);
      }
      var other = server.url().replace("127.0.0.1", "localhost");
      try (var cluster = cluster(kubeconfig(other, "server-ca.pem", "token: sesame"))) {
        assertThrows(IOException.class, () -> cluster.api().node("a"));
      }
    }
  }

  @Test
  void takesATokenThatWasReplaced() throws IOException {
    try (var server = ApiServer.start()) {
      server.addNode("a", "10.244.1.0/24");
      server.requireToken("first");
      var token = Files.writeString(directory.resolve("token"), "first\n");
      try (var cluster = cluster(kubeconfig(server.url(), "''", "tokenFile: token"))) {
        assertEquals("a", cluster.api().node("a").name());
        server.requireToken("second");
        var refusal = assertThrows(ApiFailure.class, () -> cluster.api().node("a"));
        assertEquals(401, refusal.status());
        assertFalse(refusal.toString().contains("first"));
        Files.writeString(token, "second");
        assertEquals("a", cluster.api().node("a").name());
      }
    }
  }

  @Test
  void takesCertificatesThatWereReplacedAndKeepsThoseThatWorkMeanwhile() throws IOException {
    issue("server");
    issue("renewed");
    try (var server = secureServer("server", "server");
        var renewed = secureServer("renewed", "server")) {
      server.addNode("a", "10.244.1.0/24");
      renewed.addNode("b", "10.244.1.0/24");
      Files.copy(directory.resolve("server-ca.pem"), directory.resolve("ca.pem"));
      var user = "{client-certificate: server.pem, client-key: server.key}";
      var file = kubeconfig(server.url(), "ca.pem", user);
      try (var cluster = cluster(file)) {
        assertEquals("a", cluster.api().node("a").name());
        Files.writeString(directory.resolve("ca.pem"), "half a certif");
        assertEquals("a", cluster.api().node("a").name());
        Files.copy(
            directory.resolve("renewed-ca.pem"),
            directory.resolve("ca.pem"),
            StandardCopyOption.REPLACE_EXISTING);
        kubeconfig(renewed.url(), "ca.pem", user);
        assertEquals("b", cluster.api().node("b").name());
      }
    }
  }

  @Test
  void findsTheServiceAccountOfItsPod() throws IOException {
    issue("server");
    try (var server = secureServer("server", "server")) {
      server.addNode("a", "10.244.1.0/24");
      server.requireToken("pod-token");
      Files.copy(directory.resolve("server-ca.pem"), directory.resolve("ca.crt"));
      Files.writeString(directory.resolve("token"), "pod-token");
      var environment = Map.of(
          "KUBERNETES_SERVICE_HOST",
          "127.0.0.1",
          "KUBERNETES_SERVICE_PORT",
          "" + URI.create(server.url()).getPort());
      try (var cluster = KubernetesCluster.over(InCluster.of(environment, directory))) {
        assertEquals("a", cluster.api().node("a").name());
      }
    }
    var failure =
        assertThrows(IOException.class, () -> InCluster.of(Map.of(), directory.resolve("none")));
    assertTrue(String.valueOf(failure.getMessage()).contains("KUBERNETES_SERVICE_HOST"));
  }

  @Test
  void saysWhatItCannotUseOfAKubeconfigFile() throws IOException {
    for (var user :
        List.of("{exec: {command: aws}}", "{username: me}", "{auth-provider: {name: x}}")) {
      try (var cluster = cluster(kubeconfig("https://192.0.2.1:6443", "ca.pem", user))) {
        var failure = assertThrows(IOException.class, () -> cluster.api().node("a"));
        assertTrue(String.valueOf(failure.getMessage()).contains("user."), failure::toString);
      }
    }
    Files.writeString(directory.resolve("secret"), "token: [sesame");
    try (var cluster = cluster(directory.resolve("secret"))) {
      var failure = assertThrows(IOException.class, () -> cluster.api().node("a"));
      assertFalse(failure.toString().contains("sesame"), failure::toString);
    }
  }

  @Test
  void refusesWhatIsNoAddressOfAServer() {
    for (var url :
        List.of("", "192.0.2.1:6443", "ftp://192.0.2.1", "https://u:p@192.0.2.1", "https://")) {
      assertThrows(
          IllegalArgumentException.class, () -> KubernetesCluster.builder().apiUrl(url), url);
    }
  }

  @Test
  void anAddressMayHaveAPath() {
    var access = new ApiAccess(
        ApiAccess.parseServer("https://proxy.example/k8s/clusters/c-1/"), TlsMaterial.NONE, "t");

    assertEquals("https://proxy.example/k8s/clusters/c-1", access.base());
    assertEquals("https://proxy.example/k8s/clusters/c-1/", access.toString());
  }
}
