/** The overlay without an operating system: values, SPIs and the engine. */
@org.jspecify.annotations.NullMarked
module io.jaconet.core {
  requires transitive com.google.common;
  requires com.google.gson;
  requires org.slf4j;
  requires static transitive org.jspecify;
  requires static com.google.errorprone.annotations;
  requires static transitive org.immutables.value.annotations;
  requires static java.compiler;

  uses io.jaconet.spi.BackendProvider;

  exports io.jaconet;
  exports io.jaconet.net;
  exports io.jaconet.event;
  exports io.jaconet.overlay;
  exports io.jaconet.spi;
  exports io.jaconet.internal to
      io.jaconet.subnet,
      io.jaconet.subnet.etcd,
      io.jaconet.subnet.kubernetes;
}
