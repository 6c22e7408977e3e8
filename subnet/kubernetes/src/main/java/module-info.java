/** Subnet leases that the Kubernetes API keeps in its nodes, which hosts of Jaconet and of flannel share. */
@org.jspecify.annotations.NullMarked
module io.jaconet.subnet.kubernetes {
  requires transitive io.jaconet.core;
  requires com.google.gson;
  requires org.slf4j;
  requires org.yaml.snakeyaml;
  requires static com.google.errorprone.annotations;

  exports io.jaconet.subnet.kubernetes;
}
