/** A daemon that takes flanneld's place. */
@org.jspecify.annotations.NullMarked
module io.jaconet.flanneld {
  requires io.jaconet.core;
  requires io.jaconet.linux;
  requires io.jaconet.subnet;
  requires jdk.httpserver;
  requires jdk.unsupported;
  requires org.slf4j;
  requires static com.google.errorprone.annotations;
}
