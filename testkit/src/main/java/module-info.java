/** What tests of overlay networks need: contracts for the SPIs, fakes, network namespaces and a fabric of hosts in them. */
@org.jspecify.annotations.NullMarked
module io.jaconet.testkit {
  requires transitive io.jaconet.core;
  requires transitive io.jaconet.linux;
  requires com.google.gson;
  requires jdk.httpserver;
  requires org.slf4j;
  requires static transitive org.junit.jupiter.api;
  requires static com.google.errorprone.annotations;
  requires static org.jspecify;

  exports io.jaconet.testkit;
  exports io.jaconet.testkit.crash;
  exports io.jaconet.testkit.kubernetes;
  exports io.jaconet.testkit.simulation;

  // Where JUnit makes the extension behind an annotation.
  opens io.jaconet.testkit to
      org.junit.platform.commons;
}
