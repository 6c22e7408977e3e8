/** The benchmarks: programs that print figures and what they are compared with. */
@org.jspecify.annotations.NullMarked
module io.jaconet.benchmarks {
  requires io.jaconet.iptables;
  requires io.jaconet.linux;
  requires io.jaconet.subnet;
  requires io.jaconet.subnet.etcd;
  requires io.jaconet.subnet.kubernetes;
  requires io.jaconet.testkit;
  requires com.google.common;
  requires com.google.gson;
  requires java.management;
  requires jdk.management;
  requires static com.google.errorprone.annotations;
  requires static org.immutables.value.annotations;
  requires static org.jspecify;
  requires static java.compiler;

  uses io.jaconet.spi.BackendProvider;
}
