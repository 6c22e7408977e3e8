/** Subnet leases over a store: the manager and the stores of one JVM and of one host. */
@org.jspecify.annotations.NullMarked
module io.jaconet.subnet {
  requires transitive io.jaconet.core;
  requires com.google.gson;
  requires org.slf4j;

  exports io.jaconet.subnet;
}
