package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.common.io.Closer;
import com.google.errorprone.annotations.Immutable;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ServiceLoader;

/** A way for packets from host to host. */
enum DataPathKind {
  /** Routes, no encapsulation. */
  DIRECT("direct", DataPathKind::openRoutes),
  KERNEL_VXLAN("kernel-vxlan", "'Type':'vxlan'", "'Type':'vxlan'"),
  /** One packet by each system call: what a plain forwarder does, as flannel's is. */
  BASELINE("baseline", DataPathKind::openPlainForwarders),
  UDP("udp", "'Type':'udp'", "'Type':'udp'"),
  /** Its delay only: otherwise busy polling takes processors that the senders need. */
  UDP_BUSY_POLL("udp-busy-poll", "'Type':'udp','BusyPoll':60", "'Type':'udp','BusyPoll':60"),
  USER_VXLAN("user-vxlan", "'Type':'vxlan','DataPath':'user'", "'Type':'vxlan','DataPath':'user'"),
  USER_TO_KERNEL("user-to-kernel", "'Type':'vxlan','DataPath':'user'", "'Type':'vxlan'"),
  KERNEL_TO_USER("kernel-to-user", "'Type':'vxlan'", "'Type':'vxlan','DataPath':'user'");

  private final String text;
  private final Opener opener;

  DataPathKind(String text, Opener opener) {
    this.text = text;
    this.opener = opener;
  }

  /** A way by backends, whose options are in JSON but for its quotes: those of the sender's host and of the receiver's. */
  DataPathKind(String text, String here, String there) {
    this(text, link -> openBackends(link, here, there));
  }

  @Immutable
  @FunctionalInterface
  private interface Opener {
    Closeable open(TestLink link) throws IOException;
  }

  /** Has packets travel this way until what is returned is closed. */
  Closeable open(TestLink link) throws IOException {
    return opener.open(link);
  }

  /** Returns whether it is a user-space data path of ours, which the figures are about. */
  boolean isOurs() {
    return this != DIRECT && this != KERNEL_VXLAN && this != BASELINE;
  }

  /** Returns whether the way is measured by {@code test}. */
  boolean takes(PathTest test) {
    return this != UDP_BUSY_POLL || test == PathTest.RTT;
  }

  @Override
  public String toString() {
    return text;
  }

  private static Closeable openRoutes(TestLink link) throws IOException {
    link.setWorkloadMtu(TestLink.UNDERLAY_MTU);
    for (int number = 1; number <= 2; number++) {
      var via = link.underlayAddress(3 - number).toString();
      var subnet = TestLink.subnet(3 - number).toString();
      TestLink.run(link.host(number), "ip", "route", "replace", subnet, "via", via);
    }
    return () -> {
      for (int number = 1; number <= 2; number++) {
        var subnet = TestLink.subnet(3 - number).toString();
        TestLink.run(link.host(number), "ip", "route", "del", subnet);
      }
    };
  }

  private static Closeable openPlainForwarders(TestLink link) throws IOException {
    link.setWorkloadMtu(PlainForwarder.OVERLAY_MTU);
    var closer = Closer.create();
    closer.register(new PlainForwarder(link, 1));
    closer.register(new PlainForwarder(link, 2));
    return closer;
  }

  private static Closeable openBackends(TestLink link, String here, String there)
      throws IOException {
    var closer = Closer.create();
    try {
      var backends =
          ImmutableList.of(backend(link, 1, here, closer), backend(link, 2, there, closer));
      var leases = ImmutableList.of(open(link, 1, backends.get(0)), open(link, 2, backends.get(1)));
      for (int i = 0; i < 2; i++) {
        backends.get(i).apply(ImmutableList.of(new Backend.PeerChange(null, leases.get(1 - i))));
      }
      return closer;
    } catch (IOException | RuntimeException e) {
      closer.close();
      throw e;
    }
  }

  private static Lease open(TestLink link, int number, Backend backend) throws IOException {
    var preparation = backend.prepare();
    var subnets = Subnets.of(TestLink.subnet(number));
    var lease = new Lease(subnets, preparation.attributes(), "node-" + number, number, number);
    backend.open(lease);
    link.setWorkloadMtu(preparation.overlayMtu());
    return lease;
  }

  private static Backend backend(TestLink link, int number, String options, Closer closer) {
    var config = NetworkConfig.parse(
        "{'Network':'10.244.0.0/16','Backend':{%s}}".formatted(options).replace('\'', '"'));
    var backend = ServiceLoader.load(BackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.type().equals(config.backendType()))
        .findFirst()
        .orElseThrow()
        .create(new BackendProvider.Context(
            "h" + number,
            "node-" + number,
            config,
            UnderlaySelection.ofInterface("eth0"),
            Path.of("/run/netns", link.host(number).name())));
    closer.register(() -> backend.close(CloseMode.PURGE));
    return backend;
  }
}
