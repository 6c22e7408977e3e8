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
  KERNEL_VXLAN("kernel-vxlan", link -> openBackends(link, "'Type':'vxlan'", "'Type':'vxlan'")),
  /** One packet by each system call: what a plain forwarder does, as flannel's is. */
  BASELINE("baseline", DataPathKind::openPlainForwarders),
  UDP("udp", link -> openBackends(link, "'Type':'udp'", "'Type':'udp'"));

  private final String text;
  private final Opener opener;

  DataPathKind(String text, Opener opener) {
    this.text = text;
    this.opener = opener;
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
    return this == UDP;
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

  /** Opens a backend on each host: the options of the sender's and of the receiver's, in JSON but for its quotes. */
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
