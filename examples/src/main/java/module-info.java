/** One runnable program per question, and the lab. */
@org.jspecify.annotations.NullMarked
module io.jaconet.examples {
  requires io.jaconet.core;
  requires io.jaconet.iptables;
  requires io.jaconet.subnet;
  requires io.jaconet.testkit;
  requires io.jaconet.udp;
  requires com.google.gson;
  requires java.management;

  uses io.jaconet.spi.BackendProvider;

  exports io.jaconet.examples.store;
}
