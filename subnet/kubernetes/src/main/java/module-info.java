/** Subnet leases that the Kubernetes API keeps in its nodes, which hosts of Jaconet and of flannel share. */
@org.jspecify.annotations.NullMarked
module io.jaconet.subnet.kubernetes {
  requires transitive io.jaconet.core;
  requires com.google.gson;
  requires io.fabric8.kubernetes.client.jdkhttp;
  requires java.net.http;
  requires kubernetes.client.api;
  requires kubernetes.model.common;
  requires org.slf4j;
  requires org.snakeyaml.engine;
  requires static com.google.errorprone.annotations;

  exports io.jaconet.subnet.kubernetes;
}
