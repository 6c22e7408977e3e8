/** Backend {@code udp}: packets pass through Java between a TUN device and a UDP socket. */
@org.jspecify.annotations.NullMarked
module io.jaconet.udp {
  requires transitive io.jaconet.core;
  requires transitive io.jaconet.linux;
  requires org.slf4j;
  requires static com.google.errorprone.annotations;

  exports io.jaconet.udp;
  exports io.jaconet.udp.backend to
      io.jaconet.vxlan;

  provides io.jaconet.spi.BackendProvider with
      io.jaconet.udp.UdpBackendProvider;
}
