/** The lease store in etcd, which hosts of Jaconet and of flannel share. */
@org.jspecify.annotations.NullMarked
module io.jaconet.subnet.etcd {
  requires transitive io.jaconet.core;
  // Not for itself: whoever takes this store gives it to a StoreSubnetManager.
  requires transitive io.jaconet.subnet;
  requires io.grpc;
  requires io.grpc.netty.shaded;
  requires org.slf4j;
  // What the automatic modules above run on and cannot say.
  requires java.logging;
  requires jdk.unsupported;

  exports io.jaconet.subnet.etcd;
}
