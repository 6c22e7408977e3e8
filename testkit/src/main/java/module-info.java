/** What tests of overlay networks need: network namespaces and a fabric of hosts in them. */
@org.jspecify.annotations.NullMarked
module io.jaconet.testkit {
  requires transitive io.jaconet.linux;
  requires org.slf4j;
  requires static transitive org.junit.jupiter.api;

  exports io.jaconet.testkit;
}
