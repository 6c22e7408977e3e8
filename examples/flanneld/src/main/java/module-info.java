/** A daemon that takes flanneld's place. */
@org.jspecify.annotations.NullMarked
module io.jaconet.flanneld {
  requires io.jaconet.core;
  requires io.jaconet.iptables;
  requires io.jaconet.linux;
  requires io.jaconet.subnet;
  requires io.jaconet.subnet.etcd;
  requires io.jaconet.subnet.kubernetes;
  requires jdk.httpserver;
  requires jdk.unsupported;
  requires org.slf4j;
  requires static com.google.errorprone.annotations;
}
