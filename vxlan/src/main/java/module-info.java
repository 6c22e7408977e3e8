/** Backend {@code vxlan}: the kernel's VXLAN device, or the same frames from user space. */
@org.jspecify.annotations.NullMarked
module io.jaconet.vxlan {
  requires transitive io.jaconet.core;
  requires io.jaconet.linux;
  requires io.jaconet.udp;
  requires com.google.gson;
  requires org.slf4j;

  exports io.jaconet.vxlan;

  provides io.jaconet.spi.BackendProvider with
      io.jaconet.vxlan.VxlanBackendProvider;
}
