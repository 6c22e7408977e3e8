package io.jaconet.subnet.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.apps.DaemonSet;
import io.fabric8.kubernetes.api.model.rbac.ClusterRole;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBinding;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.testkit.kubernetes.ApiServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.introspect.Annotated;
import tools.jackson.databind.introspect.JacksonAnnotationIntrospector;
import tools.jackson.databind.json.JsonMapper;

/** The manifest in {@code examples/kubernetes}, read by the types of the Kubernetes API. */
@Timeout(60)
class ManifestTest {
  private static final Path MANIFEST = Path.of("../../examples/kubernetes/jaconet.yaml");

  /** Takes no field that a type does not have; of themselves the types keep such fields apart. */
  private static final ObjectMapper JSON = JsonMapper.builder()
      .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
      .annotationIntrospector(new JacksonAnnotationIntrospector() {
        @Override
        public Boolean hasAnySetter(MapperConfig<?> config, Annotated member) {
          return false;
        }
      })
      .build();

  private static final Map<String, Class<?>> TYPES = Map.of(
      "v1/Namespace", Namespace.class,
      "v1/ServiceAccount", ServiceAccount.class,
      "v1/ConfigMap", ConfigMap.class,
      "rbac.authorization.k8s.io/v1/ClusterRole", ClusterRole.class,
      "rbac.authorization.k8s.io/v1/ClusterRoleBinding", ClusterRoleBinding.class,
      "apps/v1/DaemonSet", DaemonSet.class);

  private static Map<String, Map<?, ?>> documents() throws IOException {
    var documents = new HashMap<String, Map<?, ?>>();
    for (var document :
        new Load(LoadSettings.builder().build()).loadAllFromString(Files.readString(MANIFEST))) {
      var map = (Map<?, ?>) document;
      documents.put(map.get("apiVersion") + "/" + map.get("kind"), map);
    }
    return documents;
  }

  private static <T> T read(String kind, Class<T> type) throws IOException {
    return JSON.convertValue(documents().get(kind), type);
  }

  @Test
  void everyFieldIsOneOfTheApi() throws IOException {
    var documents = documents();

    assertEquals(TYPES.keySet(), documents.keySet());
    documents.forEach((kind, document) -> JSON.convertValue(document, TYPES.get(kind)));
    var wrong = new HashMap<Object, Object>(documents.get("apps/v1/DaemonSet"));
    wrong.put("spek", 1);
    assertThrows(JacksonException.class, () -> JSON.convertValue(wrong, DaemonSet.class));
  }

  @Test
  void theRoleAllowsEveryCallThatIsMadeAndNoOther() throws Exception {
    var allowed = new TreeSet<String>();
    for (var rule :
        read("rbac.authorization.k8s.io/v1/ClusterRole", ClusterRole.class).getRules()) {
      assertEquals(List.of(""), rule.getApiGroups());
      assertTrue(rule.getNonResourceURLs().isEmpty());
      for (var resource : rule.getResources()) {
        rule.getVerbs().forEach(verb -> allowed.add(verb + " " + resource));
      }
    }

    assertEquals(allowed, callsOfALife());
  }

  /** Returns the calls of a daemon from its start to its end, with a watch that is cut, a server that is silent, and a lease given back. */
  private static Set<String> callsOfALife() throws Exception {
    try (var server = ApiServer.start();
        var cluster = KubernetesCluster.builder().apiUrl(server.url()).build();
        var manager = KubernetesSubnetManager.over(cluster)) {
      server.addNode("a", "10.244.1.0/24");
      var node = cluster.nodeName(Map.of("NODE_NAME", "a"));
      var config = manager.config(netConf(), node);
      assertEquals(Map.of(), manager.publicIps(node));
      var lease =
          manager.acquire(Nodes.request(config, node, Nodes.attributes(1))).lease();
      var watched = new WatchedLeases();
      manager.watch(watched);
      watched.awaitSnapshot();
      manager.setNetworkAvailable(lease);
      watched.await(() -> !server.conditionOf("a", "NetworkUnavailable").isEmpty());
      long lists = count(server, "list");
      server.compact();
      server.cutWatches();
      watched.await(() -> count(server, "list") > lists);
      manager.renew(lease, Nodes.attributes(2));
      manager.release(
          manager.acquire(Nodes.request(config, node, Nodes.attributes(2))).lease());

      var calls = new TreeSet<String>();
      server.calls().forEach(call -> calls.add(call.verb() + " " + call.resource()));
      return calls;
    }
  }

  private static long count(ApiServer server, String verb) {
    return server.calls().stream().filter(call -> call.verb().equals(verb)).count();
  }

  private static String netConf() throws IOException {
    return read("v1/ConfigMap", ConfigMap.class).getData().getOrDefault("net-conf.json", "");
  }

  @Test
  void theConfigurationIsOneOfFlannel() throws IOException {
    assertEquals("vxlan", NetworkConfig.parse(netConf()).backendType());
  }

  @Test
  void theDaemonIsStartedAsFlannelsOwnManifestDoes() throws IOException {
    var pod = read("apps/v1/DaemonSet", DaemonSet.class).getSpec().getTemplate().getSpec();
    var daemon = pod.getContainers().get(0);

    assertEquals(
        List.of("--ip-masq", "--kube-subnet-mgr", "--healthz-port=8081"), daemon.getArgs());
    assertTrue(pod.getHostNetwork());
    assertEquals("NODE_NAME", daemon.getEnv().get(0).getName());
    assertEquals(
        read("v1/ServiceAccount", ServiceAccount.class).getMetadata().getName(),
        pod.getServiceAccountName());
    assertEquals(
        pod.getServiceAccountName(),
        read("rbac.authorization.k8s.io/v1/ClusterRoleBinding", ClusterRoleBinding.class)
            .getSubjects()
            .get(0)
            .getName());
  }
}
